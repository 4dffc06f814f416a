// SPDX-License-Identifier: Apache-2.0
//
// The certificates of the lab, as the openssl program judges them.
#include "lab/authority.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/world.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace cotter::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AuthorityTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.WriteTo(directory_.path())); }

  [[nodiscard]] std::string File(const std::string& name) const { return directory_.File(name); }

  // Verify is what `openssl verify` says of `leaf` for api.example.com.
  [[nodiscard]] std::string Verify(const std::string& leaf, const std::string& root,
                                   const std::vector<std::string>& untrusted) const {
    std::vector<std::string> command = {
        "openssl",          "verify",          "-purpose",    "sslserver",
        "-verify_hostname", "api.example.com", "-auth_level", "1",
        "-no-CApath",       "-no-CAstore",     "-CAfile",     File(root + ".pem")};
    for (const std::string& name : untrusted) {
      command.insert(command.end(), {"-untrusted", File(name + ".pem")});
    }
    command.push_back(File(leaf + ".pem"));
    const test::ProcessResult result = test::Run(command);
    return result.out + result.err;
  }

  [[nodiscard]] static std::string Openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const test::ProcessResult result = test::Run(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }

  World world_ = World::Make({});
  test::TempDir directory_;
};

struct Judgement {
  const char* leaf;
  const char* root;
  std::vector<std::string> untrusted;
  const char* expected;  // part of what openssl says
};

TEST_F(AuthorityTest, OpensslJudgesEachIdentityAsItsNameSays) {
  const std::vector<Judgement> table = {
      {"leaf", "root", {"intermediate"}, ": OK"},
      {"leaf-rsa", "root", {"intermediate"}, ": OK"},
      {"renewed", "root", {"intermediate"}, ": OK"},
      {"backup", "root", {"intermediate"}, ": OK"},
      {"leaf", "root", {}, "error 20 "},
      {"leaf", "other-root", {"intermediate"}, "error 20 "},
      {"leaf", "other-root", {"cross-intermediate"}, ": OK"},
      {"leaf", "other-root", {"expired-cross-intermediate"}, "error 10 "},
      {"leaf", "other-root", {"intermediate", "cross-root"}, ": OK"},
      {"rogue-leaf", "root", {"intermediate"}, "error 20 "},
      {"rogue-leaf", "rogue-root", {}, ": OK"},
      {"forged", "root", {"intermediate"}, "error 7 "},
      {"expired", "root", {"intermediate"}, "error 10 "},
      {"not-yet-valid", "root", {"intermediate"}, "error 9 "},
      {"wrong-host", "root", {"intermediate"}, "error 62 "},
      {"no-san", "root", {"intermediate"}, "error 62 "},
      {"self-signed", "root", {}, "error 18 "},
      {"weak-hash", "root", {"intermediate"}, "error 68 "},
      {"client-only", "root", {"intermediate"}, "error 26 "},
      {"unknown-critical", "root", {"intermediate"}, "error 34 "},
      {"outside", "root", {"constrained-intermediate"}, "error 47 "},
  };
  for (const Judgement& row : table) {
    EXPECT_THAT(Verify(row.leaf, row.root, row.untrusted), HasSubstr(row.expected))
        << row.leaf << " below " << row.root;
  }
}

TEST_F(AuthorityTest, APathLengthIsExceededBelowAnIntermediateThatAllowsNone) {
  const Identity& leaf = world_.Get("too-deep");
  ASSERT_EQ(leaf.chain.size(), 2U);
  directory_.Write("above.pem", leaf.chain[0].Pem() + leaf.chain[1].Pem());
  EXPECT_THAT(Verify("too-deep", "root", {"above"}), HasSubstr("error 25 "));
}

TEST_F(AuthorityTest, ARenewalKeepsTheKeyAndNothingElse) {
  const auto key = [&](const std::string& name) {
    return Openssl({"x509", "-in", File(name + ".pem"), "-noout", "-pubkey"});
  };
  const auto serial = [&](const std::string& name) {
    return Openssl({"x509", "-in", File(name + ".pem"), "-noout", "-serial"});
  };
  EXPECT_EQ(key("leaf"), key("renewed"));
  EXPECT_NE(serial("leaf"), serial("renewed"));
  EXPECT_NE(key("leaf"), key("backup"));
  EXPECT_EQ(key("intermediate"), key("cross-intermediate"));
}

TEST_F(AuthorityTest, TheTextShowsWhatTheOptionsAskedFor) {
  CertificateOptions options;
  options.common_name = "Constrained";
  options.path_length = 3;
  options.permitted_names = {"DNS:example.com", "DNS:example.net"};
  options.excluded_names = {"DNS:secret.example.com"};
  options.serial = Bytes{0x01, 0x23, 0x45};
  options.validity = Validity{Time{1'000'000'000}, Time{4'000'000'000}};
  const Identity root = MakeRoot(options);
  const std::string text = Openssl(
      {"x509", "-in", directory_.Write("x.pem", root.certificate.Pem()), "-noout", "-text"});
  EXPECT_THAT(text, HasSubstr("CA:TRUE, pathlen:3"));
  EXPECT_THAT(text, HasSubstr("DNS:example.net"));
  EXPECT_THAT(text, HasSubstr("DNS:secret.example.com"));
  EXPECT_THAT(text, HasSubstr("(0x12345)"));
  EXPECT_THAT(text, HasSubstr("Sep  9 01:46:40 2001 GMT"));
  EXPECT_THAT(text, HasSubstr("Oct  2 07:06:40 2096 GMT"));
}

TEST_F(AuthorityTest, NamesBecomeAlternativeNamesOfTheRightKind) {
  const std::string text = Openssl(
      {"x509", "-in", File("leaf.pem"), "-noout", "-ext", "subjectAltName,extendedKeyUsage"});
  EXPECT_THAT(text, HasSubstr("DNS:localhost, DNS:api.example.com, IP Address:127.0.0.1, IP "
                              "Address:0:0:0:0:0:0:0:1"));
  EXPECT_THAT(text, HasSubstr("TLS Web Server Authentication"));
  EXPECT_THAT(Openssl({"x509", "-in", File("no-san.pem"), "-noout", "-text"}),
              Not(HasSubstr("Subject Alternative Name")));
}

TEST_F(AuthorityTest, EachKindOfKeyIsOfItsKind) {
  const std::vector<std::pair<KeyKind, std::string>> table = {
      {KeyKind::kP256, "ASN1 OID: prime256v1"}, {KeyKind::kP384, "ASN1 OID: secp384r1"},
      {KeyKind::kRsa2048, "(2048 bit)"},        {KeyKind::kRsa3072, "(3072 bit)"},
      {KeyKind::kEd25519, "ED25519"},           {KeyKind::kInsecureRsa1024, "(1024 bit)"}};
  for (const auto& [kind, expected] : table) {
    CertificateOptions options;
    options.key_kind = kind;
    const std::string file =
        directory_.Write("kind.pem", IssueSelfSigned(options).certificate.Pem());
    EXPECT_THAT(Openssl({"x509", "-in", file, "-noout", "-text"}), HasSubstr(expected));
  }
}

TEST_F(AuthorityTest, AKeyFileIsItsOwnersAloneAndBelongsToItsCertificate) {
  const auto mode = std::filesystem::status(File("leaf.key")).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(Openssl({"pkey", "-in", File("leaf.key"), "-pubout"}),
            Openssl({"x509", "-in", File("leaf.pem"), "-noout", "-pubkey"}));
}

TEST_F(AuthorityTest, ARequestIsSignedByItsKey) {
  EXPECT_EQ(Openssl({"req", "-in", File("leaf.csr"), "-noout", "-verify", "-pubkey"}),
            Openssl({"pkey", "-in", File("leaf.key"), "-pubout"}));
}

}  // namespace
}  // namespace cotter::lab
