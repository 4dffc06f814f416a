// SPDX-License-Identifier: Apache-2.0
//
// The digests of certificates as OpenSSL holds them, against what others computed from the bytes.
#include "tls/certificate_notes.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/sha256.h"
#include "lab/world.h"

namespace cotter::tls {
namespace {

X509Ptr Parse(const Bytes& der) {
  const unsigned char* at = der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

// Of a certificate that comes again the key is not hashed again; a twin that differs in nothing but
// its signature has the same key, and another digest.
TEST(LatelySeenTest, TakesNoCertificateForAnother_S1_22) {
  const lab::World world = lab::World::Make({});
  LatelySeen seen;
  const std::vector<std::string> names = {"leaf",     "root",    "intermediate",
                                          "leaf-rsa", "renewed", "backup"};
  for (int round = 0; round < 2; ++round) {
    for (const std::string& name : names) {
      const lab::Identity& identity = world.Get(name);
      const X509Ptr certificate = Parse(identity.certificate.der);
      const auto described = seen.Describe(*certificate, CertDigests::kSkip);
      ASSERT_TRUE(described) << name;
      EXPECT_EQ(described->spki, base::Sha256(identity.key.Spki())) << name;
      EXPECT_FALSE(described->has_cert);
    }
  }
  Bytes twin = world.Get("leaf").certificate.der;
  twin.back() ^= 1;
  const auto described = seen.Describe(*Parse(twin), CertDigests::kCompute);
  ASSERT_TRUE(described);
  EXPECT_EQ(described->spki, base::Sha256(world.Get("leaf").key.Spki()));
  EXPECT_EQ(described->cert, base::Sha256(twin));
}

#ifdef COTTER_TESTDATA

// Field is the text of "name":"..." in a line of JSON that has no escapes in it.
std::string Field(const std::string& line, const std::string& name) {
  const std::string key = '"' + name + "\":\"";
  const std::size_t at = line.find(key);
  if (at == std::string::npos) return {};
  return line.substr(at + key.size(), line.find('"', at + key.size()) - at - key.size());
}

Bytes Decode(const std::string& base64) {
  Bytes bytes(base64.size());
  const int size =
      EVP_DecodeBlock(bytes.data(), AsBytes(base64).data(), static_cast<int>(base64.size()));
  EXPECT_GE(size, 0);
  std::size_t padding = 0;
  while (padding < 2 && base64[base64.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

// A pin is the hash of the bytes as sent: among these are certificates (spki-divergent.jsonl) where
// every library that encodes the key again gets another one. Every certificate that OpenSSL reads
// either has exactly the stated digests or is refused.
TEST(CertificateNotesTest, DigestsAreThoseOfTheBytesAsSent) {
  int described = 0;
  LatelySeen seen;  // more certificates than it keeps
  for (const auto& entry : std::filesystem::directory_iterator(COTTER_TESTDATA "/certs")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      const std::string spki = Field(line, "spki_sha256");
      if (spki.empty()) continue;
      const Bytes der = Decode(Field(line, "der"));
      const unsigned char* at = der.data();
      const X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
      ERR_clear_error();
      if (!certificate || at != der.data() + der.size()) continue;
      const auto description = DescribeCertificate(*certificate, CertDigests::kCompute);
      if (!description) continue;
      EXPECT_EQ(FormatPinBase64(description->spki), spki) << Field(line, "id");
      for (int again = 0; again < 2; ++again) {
        EXPECT_EQ(seen.Describe(*certificate, CertDigests::kSkip)->spki, description->spki);
      }
      ++described;
      if (entry.path().stem() == "spki-divergent") {
        EXPECT_EQ(EncodeHex(description->cert.bytes), Field(line, "der_sha256"))
            << Field(line, "id");
      }
    }
  }
  EXPECT_GT(described, 500);
}

#endif

}  // namespace
}  // namespace cotter::tls
