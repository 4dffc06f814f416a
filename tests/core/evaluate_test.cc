// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/fake_paths.h"
#include <cotter/evaluate.h>

namespace cotter {
namespace {

using testing::KeyDigest;
using testing::PathOf;

constexpr Time kNow{1'800'000'000};
constexpr Time kBefore{kNow.unix_seconds - 1};

PolicyPin PinOf(unsigned key, PinPlace place = PinPlace::kAny, PinUse use = PinUse::kActive) {
  return {.pin = {.digest = KeyDigest(key), .place = place, .use = use}, .label = ""};
}

HostRule RuleOf(std::vector<PolicyPin> pins) {
  HostRule rule{.pattern = *HostPattern::Parse("api.example.com")};
  rule.pins = std::move(pins);
  return rule;
}

Policy PolicyOf(HostRule rule) {
  Policy policy;
  policy.hosts.push_back(std::move(rule));
  return policy;
}

// Outcome and code as text, so that a failure reads as an answer.
std::string Judge(const Policy& policy, std::vector<VerifiedPath> paths,
                  SearchEnd end = SearchEnd::kComplete, std::string_view host = "api.example.com",
                  std::uint16_t port = 443) {
  const Result<PolicyIndex> index = PolicyIndex::Build(policy);
  if (!index) return std::string(NameOf(index.error().code));
  const Verdict verdict = Evaluate(*index, {*HostName::Parse(host), port}, paths, end, kNow);
  EXPECT_EQ(verdict.allowed(), verdict.outcome == Outcome::kPinnedOk ||
                                   verdict.outcome == Outcome::kReported ||
                                   verdict.outcome == Outcome::kNotPinned);
  std::string text(NameOf(verdict.outcome));
  if (verdict.code()) text += " " + std::string(NameOf(*verdict.code()));
  if (verdict.match) {
    text += " pin " + std::to_string(verdict.match->pin_index) + " at " +
            std::to_string(verdict.match->path_index) + "/" +
            std::to_string(verdict.match->cert_index);
  }
  return text;
}

// S0-01: one to many properties, any match passes. S0-08: a CA pin never matches the leaf.
TEST(Evaluate, HoldsPinsInTheirPlaces_S0_01_S0_08) {
  const VerifiedPath path = PathOf({1, 2, 3});
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(9), PinOf(1)})), {path}), "pinned_ok pin 1 at 0/0");
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(3)})), {path}), "pinned_ok pin 0 at 0/2");
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(9)})), {path}), "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(1, PinPlace::kCa)})), {path}),
            "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(2, PinPlace::kCa)})), {path}), "pinned_ok pin 0 at 0/1");
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(2, PinPlace::kLeaf)})), {path}),
            "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(1, PinPlace::kLeaf)})), {path}), "pinned_ok pin 0 at 0/0");
  // A self-signed server that is its own anchor is a leaf all the same.
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(1, PinPlace::kCa)})), {PathOf({1})}),
            "pin_mismatch pin_mismatch");
}

// S0-02, S0-05: whole-certificate pins are their own kind.
TEST(Evaluate, KeepsPinKindsApart_S0_02_S0_05) {
  PolicyPin by_cert = PinOf(1001);
  by_cert.pin.kind = PinKind::kCert;
  EXPECT_EQ(Judge(PolicyOf(RuleOf({by_cert})), {PathOf({1, 2})}), "pinned_ok pin 0 at 0/0");
  PolicyPin spki_digest_as_cert = PinOf(1);
  spki_digest_as_cert.pin.kind = PinKind::kCert;
  EXPECT_EQ(Judge(PolicyOf(RuleOf({spki_digest_as_cert})), {PathOf({1, 2})}),
            "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(PolicyOf(RuleOf({PinOf(1001)})), {PathOf({1, 2})}), "pin_mismatch pin_mismatch");
  const PathCertificate without_digest{KeyDigest(1), KeyDigest(1001), false};
  const VerifiedPath path = AdapterAccess::Path({&without_digest, 1}, AnchorOrigin::kPublic);
  EXPECT_EQ(Judge(PolicyOf(RuleOf({by_cert})), {path}), "pin_mismatch pin_mismatch");
}

// S0-21: the backup is accepted, and told. S1-41: every use but revoked matches.
TEST(Evaluate, TellsWhichUseMatched_S0_21_S1_41) {
  const auto with_use = [](PinUse use) {
    return Judge(PolicyOf(RuleOf({PinOf(1, PinPlace::kAny, use), PinOf(9)})), {PathOf({1, 2})});
  };
  EXPECT_EQ(with_use(PinUse::kActive), "pinned_ok pin 0 at 0/0");
  EXPECT_EQ(with_use(PinUse::kBackup), "pinned_ok backup_pin_matched pin 0 at 0/0");
  EXPECT_EQ(with_use(PinUse::kNext), "pinned_ok pin 0 at 0/0");
  EXPECT_EQ(with_use(PinUse::kRetiring), "pinned_ok retiring_pin_matched pin 0 at 0/0");
  EXPECT_EQ(with_use(PinUse::kRevoked), "revoked revoked");
}

TEST(Evaluate, AnyVerifiedPathMaySatisfyTheRule) {
  const Policy policy = PolicyOf(RuleOf({PinOf(5)}));
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3})}, SearchEnd::kDefaultOnly),
            "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3}), PathOf({1, 4, 5})}), "pinned_ok pin 0 at 1/2");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3})}, SearchEnd::kBoundReached),
            "search_bound search_bound");
  EXPECT_EQ(Judge(policy, {PathOf({1, 4, 5})}, SearchEnd::kBoundReached), "pinned_ok pin 0 at 0/2");
}

TEST(Evaluate, LeafAndCaMustMatchInOnePath) {
  HostRule rule = RuleOf({PinOf(1, PinPlace::kLeaf), PinOf(3, PinPlace::kCa)});
  rule.require = Require::kLeafAndCa;
  const Policy policy = PolicyOf(rule);
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3})}), "pinned_ok pin 0 at 0/0");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 4})}), "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(policy, {PathOf({7, 2, 3})}), "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 4}), PathOf({7, 2, 3})}), "pin_mismatch pin_mismatch");
  const PolicyIndex index = *PolicyIndex::Build(policy);
  const Endpoint endpoint{*HostName::Parse("api.example.com"), 443};
  const VerifiedPath no_ca = PathOf({1, 2, 4});
  EXPECT_THAT(Evaluate(index, endpoint, {&no_ca, 1}, SearchEnd::kComplete, kNow).reasons.List(),
              ::testing::ElementsAre(Reason::kCaPinMissing));
}

TEST(Evaluate, ARevokedKeySpoilsItsPathAndNoOther) {
  Policy policy = PolicyOf(RuleOf({PinOf(1), PinOf(9)}));
  policy.revoked = {KeyDigest(3)};
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3})}), "revoked revoked");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3}), PathOf({1, 2, 4})}), "pinned_ok pin 0 at 1/0");
  EXPECT_EQ(Judge(policy, {PathOf({7, 2, 4}), PathOf({1, 2, 3})}), "revoked revoked");
  policy.hosts[0].mode = Mode::kReport;
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3})}), "revoked revoked");
  policy.hosts[0].mode = Mode::kOff;
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3})}), "revoked revoked");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 4})}), "not_pinned rule_off");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3})}, SearchEnd::kComplete, "other.example"),
            "revoked revoked");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2, 3})}, SearchEnd::kBoundReached, "other.example"),
            "search_bound search_bound");
}

// S1-55: unlisted hosts.
TEST(Evaluate, UnlistedHostsAndOtherPorts_S1_55) {
  HostRule rule = RuleOf({PinOf(1)});
  rule.ports = {8443};
  Policy policy = PolicyOf(rule);
  EXPECT_EQ(Judge(policy, {PathOf({1, 2})}, SearchEnd::kComplete, "other.example"),
            "not_pinned not_pinned");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2})}), "port_refused port_refused");
  policy.unlisted = Unlisted::kRefuse;
  EXPECT_EQ(Judge(policy, {PathOf({1, 2})}, SearchEnd::kComplete, "other.example"),
            "unlisted_refused unlisted_refused");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2})}, SearchEnd::kComplete, "api.example.com", 8443),
            "pinned_ok pin 0 at 0/0");
}

TEST(Evaluate, ExpiryIsNeverSilent) {
  const auto judge = [](OnExpiry on_expiry, Time expires, unsigned key, bool whole_policy) {
    HostRule rule = RuleOf({PinOf(1)});
    rule.on_expiry = on_expiry;
    Policy policy = PolicyOf(rule);
    (whole_policy ? policy.expires : policy.hosts[0].expires) = expires;
    return Judge(policy, {PathOf({key, 2})});
  };
  constexpr Time kAfter{kNow.unix_seconds + 1};
  for (const bool whole_policy : {false, true}) {
    EXPECT_EQ(judge(OnExpiry::kEnforce, kNow, 1, whole_policy),
              "pinned_ok policy_expired pin 0 at 0/0");
    EXPECT_EQ(judge(OnExpiry::kEnforce, kBefore, 9, whole_policy), "pin_mismatch pin_mismatch");
    EXPECT_EQ(judge(OnExpiry::kReport, kBefore, 9, whole_policy), "reported reported");
    EXPECT_EQ(judge(OnExpiry::kPki, kBefore, 9, whole_policy), "not_pinned policy_expired");
    EXPECT_EQ(judge(OnExpiry::kPki, kAfter, 9, whole_policy), "pin_mismatch pin_mismatch");
    EXPECT_EQ(judge(OnExpiry::kEnforce, kAfter, 1, whole_policy), "pinned_ok pin 0 at 0/0");
  }
}

TEST(Evaluate, ReportModeLetsThroughAndTells) {
  HostRule rule = RuleOf({PinOf(1)});
  rule.mode = Mode::kReport;
  EXPECT_EQ(Judge(PolicyOf(rule), {PathOf({9, 2})}), "reported reported");
  EXPECT_EQ(Judge(PolicyOf(rule), {PathOf({9, 2})}, SearchEnd::kBoundReached), "reported reported");
  EXPECT_EQ(Judge(PolicyOf(rule), {PathOf({1, 2})}), "pinned_ok pin 0 at 0/0");
  EXPECT_EQ(Judge(PolicyOf(rule), {}), "pki_error no_verified_path");
}

// S2-01: locally added roots.
TEST(Evaluate, LocalAnchorsMayBeRefused_S2_01) {
  HostRule rule = RuleOf({PinOf(1)});
  rule.local_anchors = LocalAnchors::kRefuse;
  const Policy policy = PolicyOf(rule);
  EXPECT_EQ(Judge(policy, {PathOf({1, 2}, AnchorOrigin::kPublic)}), "pinned_ok pin 0 at 0/0");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2}, AnchorOrigin::kLocal)}),
            "pin_mismatch local_anchor_refused");
  EXPECT_EQ(Judge(policy, {PathOf({1, 2}, AnchorOrigin::kUnknown)}),
            "pin_mismatch local_anchor_refused");
}

// S3-10: there is no way through without a path.
TEST(Evaluate, WithoutAPathNothingPasses_S3_10) {
  for (const Mode mode : {Mode::kEnforce, Mode::kReport, Mode::kOff}) {
    HostRule rule = RuleOf({PinOf(1)});
    rule.mode = mode;
    EXPECT_EQ(Judge(PolicyOf(rule), {}), "pki_error no_verified_path");
  }
  EXPECT_EQ(Judge({}, {}), "pki_error no_verified_path");
}

// S1-31, S2-12: the text of the error.
TEST(BadPinMessage, ListsTheDefaultPathLeafFirst_S1_31_S2_12) {
  const std::vector<VerifiedPath> paths = {PathOf({1, 2}), PathOf({3, 4})};
  EXPECT_EQ(BadPinMessage(FoundPins(paths)), "bad ssl pin detected, found pins: [" +
                                                 FormatPin(KeyDigest(1)) + " " +
                                                 FormatPin(KeyDigest(2)) + "]");
  EXPECT_EQ(BadPinMessage({}), "bad ssl pin detected, found pins: []");
}

// S3-08: a named debugging proxy's CA may inspect, in development and nowhere else.
TEST(Evaluate, InspectionCasHoldInDevelopmentAlone_S3_08) {
  Policy policy = PolicyOf(RuleOf({PinOf(9)}));
  policy.inspection_cas = {{.name = "proxy on my desk", .spki = KeyDigest(3)}};
  const VerifiedPath inspected = PathOf({1, 3}, AnchorOrigin::kLocal);
  for (const std::string_view environment : {"", "staging", "production"}) {
    policy.environment = environment;
    EXPECT_EQ(Judge(policy, {inspected}), "inspection_outside_development");
  }
  policy.environment = "development";
  EXPECT_EQ(Judge(policy, {inspected}), "not_pinned inspection_ca");
  policy.hosts[0].require = Require::kLeafAndCa;
  EXPECT_EQ(Judge(policy, {inspected}), "not_pinned inspection_ca");
  policy.hosts[0].require = Require::kAny;
  // Another local CA is still refused, as is the named one where it is the leaf.
  EXPECT_EQ(Judge(policy, {PathOf({1, 4}, AnchorOrigin::kLocal)}), "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(policy, {PathOf({3, 4}, AnchorOrigin::kLocal)}), "pin_mismatch pin_mismatch");
  // The genuine server is told as such; what is stricter wins.
  EXPECT_EQ(Judge(policy, {inspected, PathOf({9, 3})}), "pinned_ok pin 0 at 1/0");
  policy.revoked = {KeyDigest(1)};
  EXPECT_EQ(Judge(policy, {inspected}), "revoked revoked");
  policy.revoked.clear();
  policy.hosts[0].local_anchors = LocalAnchors::kRefuse;
  EXPECT_EQ(Judge(policy, {inspected}), "pin_mismatch local_anchor_refused");
}

}  // namespace
}  // namespace cotter
