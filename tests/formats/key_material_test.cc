// SPDX-License-Identifier: Apache-2.0
#include "formats/key_material.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/sha256.h"
#include "core/base64.h"
#include <cotter/pin.h>

namespace cotter::formats {
namespace {

namespace fs = std::filesystem;

base::FileImage Read(const fs::path& path) {
  auto image = base::ReadFile(path.string());
  COTTER_CHECK(image);
  return *std::move(image);
}

std::string PinOf(const KeyMaterial& item) { return FormatPinBase64(base::Sha256(item.spki())); }

Code CodeOf(const Result<std::vector<KeyMaterial>>& result) {
  return result ? Code::kInternal : result.error().code;
}

// S1-03, S1-09: the pin of every kind of key, in every kind of file, as the openssl pipeline
// computes it.
TEST(KeyMaterial, GivesThePinOfOpensslForEveryKindOfKeyAndFile) {
  const std::map<std::string, std::string> kinds = {
      {"cert", "certificate"}, {"p7", "certificate"},  {"csr", "csr"},
      {"pub", "public_key"},   {"key", "private_key"},
  };
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(COTTER_MATERIAL)) {
    const fs::path& path = entry.path();
    const std::string name = path.filename().string();
    if (!entry.is_regular_file() || name == "pin" || path.parent_path().filename() == "encrypted") {
      continue;
    }
    std::string pin;
    std::ifstream(path.parent_path() / "pin") >> pin;
    const base::FileImage image = Read(path);
    const auto items = ReadKeyMaterial(image.bytes());
    ASSERT_TRUE(items) << path << ": " << items.error().message;
    ASSERT_EQ(items->size(), 1U) << path;
    EXPECT_EQ(PinOf(items->front()), pin) << path;
    EXPECT_EQ(NameOf(items->front().kind()), kinds.at(name.substr(0, name.find('.')))) << path;
    ++files;
  }
  EXPECT_GT(files, 200U);
}

TEST(KeyMaterial, RefusesEncryptedKeys) {
  for (const char* name : {"pkcs8.pem", "pkcs8.der", "traditional.pem", "mislabelled.pem"}) {
    const base::FileImage image = Read(fs::path(COTTER_MATERIAL) / "encrypted" / name);
    const auto items = ReadKeyMaterial(image.bytes());
    EXPECT_EQ(CodeOf(items), Code::kKeyEncrypted) << name;
    EXPECT_NE(items.error().message.find("openssl pkey"), std::string::npos) << name;
  }
}

// The bytes that come out for a private key are those of its public half.
TEST(KeyMaterial, KeepsNothingOfAPrivateKey) {
  const base::FileImage key = Read(fs::path(COTTER_MATERIAL) / "ed25519" / "key.pem");
  const base::FileImage pub = Read(fs::path(COTTER_MATERIAL) / "ed25519" / "pub.der");
  const auto items = ReadKeyMaterial(key.bytes());
  ASSERT_TRUE(items);
  EXPECT_TRUE(SameBytes(items->front().der(), pub.bytes()));
}

TEST(KeyMaterial, ReadsManyItemsInTheirOrderAndPassesOverTheRest) {
  const fs::path folder = fs::path(COTTER_MATERIAL) / "p256";
  std::string text = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
  for (const char* name : {"key.params.pem", "cert.pem", "csr.pem", "p7.pem"}) {
    text += AsText(Read(folder / name).bytes());
  }
  const auto items = ReadKeyMaterial(AsBytes(text));
  ASSERT_TRUE(items) << items.error().message;
  std::vector<MaterialKind> kinds;
  for (const KeyMaterial& item : *items) kinds.push_back(item.kind());
  EXPECT_EQ(kinds, (std::vector{MaterialKind::kPrivateKey, MaterialKind::kCertificate,
                                MaterialKind::kRequest, MaterialKind::kCertificate}));
}

TEST(KeyMaterial, RefusesWhatHoldsNothingUsable) {
  const std::string crl = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
  const auto only_crl = ReadKeyMaterial(AsBytes(crl));
  ASSERT_EQ(CodeOf(only_crl), Code::kInputUnknown);
  EXPECT_NE(only_crl.error().message.find("X509 CRL"), std::string::npos);
  for (const std::string_view text : {"", "hello", "0", "00", "{\"a\": 1}", "Zm9*"}) {
    EXPECT_EQ(CodeOf(ReadKeyMaterial(AsBytes(text))), Code::kInputUnknown) << text;
  }
}

// An unreadable file never prints a pin: cut and lengthened files are errors, whatever they hold.
TEST(KeyMaterial, RefusesEveryTruncationAndTrailingBytes) {
  for (const char* name : {"p256/cert.der", "p256/csr.der", "p256/pub.der", "rsa/pub.pkcs1.der",
                           "p256/p7.der", "p256/key.der"}) {
    const base::FileImage image = Read(fs::path(COTTER_MATERIAL) / name);
    for (std::size_t size = 0; size < image.bytes().size(); ++size) {
      EXPECT_FALSE(ReadKeyMaterial(image.bytes().first(size))) << name << " cut to " << size;
    }
    Bytes longer(image.bytes().begin(), image.bytes().end());
    longer.push_back(0);
    EXPECT_FALSE(ReadKeyMaterial(longer)) << name;
  }
}

// A broken item names its line, and what came before it does not count.
TEST(KeyMaterial, NamesTheLineOfABrokenItem) {
  std::string text(AsText(Read(fs::path(COTTER_MATERIAL) / "ed25519" / "pub.pem").bytes()));
  text += "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
  const auto items = ReadKeyMaterial(AsBytes(text));
  ASSERT_EQ(CodeOf(items), Code::kDerMalformed);
  EXPECT_TRUE(items.error().message.starts_with("line 4: ")) << items.error().message;
}

TEST(KeyMaterial, StopsWhenTheVisitorFails) {
  const base::FileImage image = Read(fs::path(COTTER_MATERIAL) / "p256" / "cert.pem");
  const auto count = ForEachKeyMaterial(image.bytes(), [](const MaterialView&) -> Result<void> {
    return Error{Code::kUsage, "no"};
  });
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Code::kUsage);
}

TEST(KeyMaterial, BoundsTheNumberOfItems) {
  const base::FileImage pub = Read(fs::path(COTTER_MATERIAL) / "ed25519" / "pub.pem");
  std::string text;
  for (std::size_t i = 0; i <= kMaxKeyMaterial; ++i) text += AsText(pub.bytes());
  const auto count = ForEachKeyMaterial(AsBytes(text), [](const MaterialView&) { return Ok(); });
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Code::kFileTooLarge);
}

#ifdef COTTER_TESTDATA

// StringField is the value of "name":"..." in a line of JSON without escapes.
std::string StringField(std::string_view line, std::string_view name) {
  const std::string mark = "\"" + std::string(name) + "\":\"";
  const std::size_t at = line.find(mark);
  if (at == std::string_view::npos) return "";
  const std::size_t begin = at + mark.size();
  return std::string(line.substr(begin, line.find('"', begin) - begin));
}

// S1-09: certificates that nobody in this project made. Each gives the pin of its bytes as sent,
// also where some parsers refuse it or re-encode its key, or it is refused for its outer structure.
TEST(KeyMaterial, GivesThePinOfPublicCertificatesAsTheyStand) {
  // Bytes after the end, which OpenSSL and the JDK let pass and Go and pyca do not. The four others
  // that are refused have no SPKI that anybody found.
  const std::set<std::string> refused = {"mbedtls/server5-der9.crt#0",
                                         "mbedtls/server5-der1b.crt#0"};
  std::size_t printed = 0;
  for (const auto& entry : fs::directory_iterator(COTTER_TESTDATA "/certs")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      const std::string text = StringField(line, "der");
      const std::string id = StringField(line, "id");
      const std::string expected = StringField(line, "spki_sha256");
      Bytes der(text.size());
      der.resize(DecodeBase64(text, der).value_or(0));
      ASSERT_FALSE(der.empty()) << id;
      const auto items = ReadKeyMaterial(der);
      ASSERT_EQ(items.has_value(), !expected.empty() && !refused.contains(id)) << id;
      if (!items) continue;
      EXPECT_EQ(PinOf(items->front()), expected) << id;
      ++printed;
    }
  }
  EXPECT_GE(printed, 953U);
}

#endif

}  // namespace
}  // namespace cotter::formats
