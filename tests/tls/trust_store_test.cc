// SPDX-License-Identifier: Apache-2.0
//
// Trust stores from files, hash directories and memory.
#include "tls/trust_store.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "lab/world.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tls/path_verifier.h"

namespace cotter::tls {
namespace {

const lab::World& World() {
  static const lab::World world = lab::World::Make({});
  return world;
}

TrustOptions WithoutSystem() {
  TrustOptions options;
  options.system_roots = SystemRoots::kNone;
  return options;
}

// Verifies reports whether the genuine chain verifies with `trust`.
bool Verifies(const TrustStore& trust) {
  const lab::Identity& leaf = World().Get("leaf");
  PresentedChain chain;
  chain.certificates = {leaf.certificate.der, leaf.chain.at(0).der};
  const Verification found = VerifyChain(chain, trust, HostName::Parse("api.example.com").value(),
                                         Time{std::time(nullptr)}, {}, SearchMode::kAlways);
  return !found.failure();
}

TEST(TrustStoreTest, ReadsPemWithJunkAndDer) {
  const test::TempDir directory;
  const lab::Certificate& root = World().Get("root").certificate;
  const std::string other = World().Get("other-root").certificate.Pem();
  const std::string pem = directory.Write("ca.pem", "junk\n" + other + "more\r\n" + root.Pem());
  const std::string der = directory.Write("ca.der", AsText(root.der));
  for (const std::string& path : {pem, der}) {
    TrustOptions options = WithoutSystem();
    options.files = {path};
    const auto trust = LoadTrustStore(options);
    ASSERT_TRUE(trust) << trust.error().message;
    EXPECT_TRUE(Verifies(**trust));
  }
}

// openssl itself makes the directory, and its look-up finds the issuer.
TEST(TrustStoreTest, FindsIssuersInHashDirectories) {
  const test::TempDir directory;
  directory.Write("root.pem", World().Get("root").certificate.Pem());
  TrustOptions options = WithoutSystem();
  options.directories = {directory.path()};
  const auto unhashed = LoadTrustStore(options);
  ASSERT_FALSE(unhashed);
  EXPECT_EQ(unhashed.error().code, Code::kTrustStoreEmpty);
  EXPECT_NE(unhashed.error().message.find("openssl rehash"), std::string::npos);
  ASSERT_EQ(test::Run({"openssl", "rehash", directory.path()}).status, 0);
  const auto trust = LoadTrustStore(options);
  ASSERT_TRUE(trust) << trust.error().message;
  EXPECT_TRUE(Verifies(**trust));
}

TEST(TrustStoreTest, NothingTrustedIsAnErrorThatNamesTheRemedy) {
  const auto trust = LoadTrustStore(WithoutSystem());
  ASSERT_FALSE(trust);
  EXPECT_EQ(trust.error().code, Code::kTrustStoreEmpty);
  EXPECT_NE(trust.error().message.find("--cacert"), std::string::npos);
}

TEST(TrustStoreTest, BrokenFilesAreErrorsThatNameThem) {
  const test::TempDir directory;
  const std::string root = World().Get("root").certificate.Pem();
  const struct {
    std::string content;
    Code code;
  } table[] = {{"", Code::kInputUnknown},
               {"no certificate here", Code::kInputUnknown},
               {root + root.substr(0, root.size() / 2), Code::kPemMalformed}};
  for (const auto& row : table) {
    TrustOptions options = WithoutSystem();
    options.files = {directory.Write("ca.pem", row.content)};
    const auto trust = LoadTrustStore(options);
    ASSERT_FALSE(trust);
    EXPECT_EQ(trust.error().code, row.code) << trust.error().message;
    EXPECT_NE(trust.error().message.find("ca.pem"), std::string::npos);
  }
}

TEST(TrustStoreTest, ContentDigestDependsOnWhatIsTrusted) {
  const auto digest = [](const std::vector<std::string>& names) {
    TrustOptions options = WithoutSystem();
    for (const std::string& name : names) {
      options.certificates.push_back(World().Get(name).certificate.der);
    }
    return LoadTrustStore(options).value()->ContentDigest();
  };
  EXPECT_EQ(digest({"root", "other-root"}), digest({"other-root", "root"}));
  EXPECT_NE(digest({"root"}), digest({"root", "other-root"}));
  EXPECT_NE(digest({"root"}), digest({"other-root"}));
}

TEST(TrustStoreTest, OriginIsPublicForTheRootsOfTheDistributionAlone) {
  const test::TempDir directory;
  directory.Write("shipped.crt", World().Get("root").certificate.Pem());
  TrustOptions options = WithoutSystem();
  options.public_roots = directory.path();
  options.certificates = {World().Get("root").certificate.der,
                          World().Get("rogue-root").certificate.der};
  const auto trust = LoadTrustStore(options);
  ASSERT_TRUE(trust);
  const auto origin = [&](const std::string& name) {
    const Bytes& der = World().Get(name).certificate.der;
    const unsigned char* at = der.data();
    const X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    return (*trust)->OriginOf(*certificate);
  };
  EXPECT_EQ(origin("root"), AnchorOrigin::kPublic);
  EXPECT_EQ(origin("rogue-root"), AnchorOrigin::kLocal);
}

}  // namespace
}  // namespace cotter::tls
