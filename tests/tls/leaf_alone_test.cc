// SPDX-License-Identifier: Apache-2.0
//
// What holds of a leaf without any trust anchor.
#include "tls/leaf_alone.h"

#include <ctime>

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "lab/world.h"
#include <cotter/certificate.h>

namespace cotter::tls {
namespace {

const lab::World& World() {
  static const lab::World world = lab::World::Make({});
  return world;
}

Digest KeyOf(std::string_view name) {
  return base::Sha256(*FindSpki(World().Get(name).certificate.der));
}

X509Ptr Certificate(std::string_view name) {
  const Bytes& der = World().Get(name).certificate.der;
  const unsigned char* at = der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

HostRule Rule(std::string_view pinned, PinPlace place) {
  HostRule rule{.pattern = *HostPattern::Parse("api.example.com")};
  rule.pins = {{.pin = {.digest = KeyOf(pinned), .place = place}, .label = ""}};
  return rule;
}

LeafJudgement Judge(HostRule rule, std::string_view leaf, std::vector<Digest> revoked = {}) {
  Policy policy;
  policy.hosts = {std::move(rule)};
  policy.revoked = std::move(revoked);
  static std::vector<PolicyIndex> kept;  // verdicts borrow from them
  kept.reserve(64);
  kept.push_back(*PolicyIndex::Build(policy));
  return InsecureJudgeLeafAlone(kept.back(), {*HostName::Parse("api.example.com"), 443},
                                Time{std::time(nullptr)}, *Certificate(leaf));
}

TEST(LeafAlone, APinOnItsKeyHolds) {
  EXPECT_EQ(Judge(Rule("leaf", PinPlace::kLeaf), "leaf").verdict.outcome, Outcome::kPinnedOk);
  EXPECT_EQ(Judge(Rule("leaf", PinPlace::kAny), "leaf").verdict.outcome, Outcome::kPinnedOk);
  EXPECT_EQ(Judge(Rule("leaf", PinPlace::kLeaf), "leaf").found, KeyOf("leaf"));
}

// S3-10: whatever needs a path does not hold.
TEST(LeafAlone, APinThatNeedsAPathIsRefused_S3_10) {
  EXPECT_FALSE(Judge(Rule("root", PinPlace::kCa), "leaf").verdict.allowed());
  EXPECT_FALSE(Judge(Rule("leaf", PinPlace::kCa), "leaf").verdict.allowed());
  HostRule both = Rule("leaf", PinPlace::kLeaf);
  both.pins.push_back({.pin = {.digest = KeyOf("root"), .place = PinPlace::kCa}, .label = ""});
  both.require = Require::kLeafAndCa;
  EXPECT_FALSE(Judge(both, "leaf").verdict.allowed());
}

TEST(LeafAlone, AnotherKeyIsRefusedInEveryMode_S3_10) {
  EXPECT_EQ(Judge(Rule("leaf", PinPlace::kAny), "rogue-leaf").verdict.outcome,
            Outcome::kPinMismatch);
  HostRule report = Rule("leaf", PinPlace::kAny);
  report.mode = Mode::kReport;
  EXPECT_FALSE(Judge(report, "rogue-leaf").verdict.allowed());
  HostRule expired = Rule("leaf", PinPlace::kAny);
  expired.expires = Time{1};
  expired.on_expiry = OnExpiry::kPki;
  EXPECT_FALSE(Judge(expired, "leaf").verdict.allowed());
}

// Its dates, names and purpose can be read without an issuer, and count as in every door.
TEST(LeafAlone, DatesNamesAndPurposeCount_S3_10) {
  for (const auto& [leaf, code] :
       {std::pair{"expired", Code::kCertExpired},
        std::pair{"not-yet-valid", Code::kCertNotYetValid},
        std::pair{"client-only", CodeOfX509Error(X509_V_ERR_INVALID_PURPOSE)},
        std::pair{"wrong-host", Code::kHostMismatch}, std::pair{"no-san", Code::kHostMismatch}}) {
    const LeafJudgement judged = Judge(Rule(leaf, PinPlace::kLeaf), leaf);
    EXPECT_FALSE(judged.verdict.allowed()) << leaf;
    ASSERT_TRUE(judged.failure) << leaf;
    EXPECT_EQ(judged.failure->code, code) << leaf;
  }
}

TEST(LeafAlone, ARevokedKeyIsRefused) {
  HostRule rule = Rule("leaf", PinPlace::kLeaf);
  rule.pins.push_back({.pin = {.digest = KeyOf("backup")}, .label = ""});  // one that is left
  EXPECT_FALSE(Judge(rule, "leaf", {KeyOf("leaf")}).verdict.allowed());
}

}  // namespace
}  // namespace cotter::tls
