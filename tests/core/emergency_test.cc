// SPDX-License-Identifier: Apache-2.0
//
// Emergency statements inside a compiled policy (S3-39): what they change, and that they end
// by the time that is judged at, whatever happens to the file that they came in.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/fake_paths.h"
#include <cotter/evaluate.h>

namespace cotter {
namespace {

using testing::KeyDigest;
using testing::PathOf;

constexpr Time kBegin{1'800'000'000};
constexpr Time kEnd{kBegin.unix_seconds + 3600};
constexpr Time kLastSecond{kEnd.unix_seconds - 1};

PolicyPin PinOf(unsigned key) { return {.pin = {.digest = KeyDigest(key)}}; }

Policy TwoRules() {
  Policy policy;
  policy.hosts.push_back({.pattern = *HostPattern::Parse("api.example.com")});
  policy.hosts.push_back({.pattern = *HostPattern::Parse("*.example.com"), .ports = {443}});
  for (HostRule& rule : policy.hosts) rule.pins = {PinOf(8), PinOf(9)};
  return policy;
}

EmergencyStatement Suspend(std::string_view pattern) {
  EmergencyStatement statement{.kind = EmergencyKind::kSuspend, .id = "E1"};
  statement.rules.push_back({.pattern = *HostPattern::Parse(pattern)});
  statement.until = kEnd;
  return statement;
}

EmergencyStatement Revoke(unsigned key) {
  EmergencyStatement statement{.kind = EmergencyKind::kRevoke, .id = "E2"};
  statement.pin.digest = KeyDigest(key);
  return statement;
}

EmergencyStatement AddPin(std::string_view pattern, unsigned key) {
  EmergencyStatement statement = Suspend(pattern);
  statement.kind = EmergencyKind::kAddPin;
  statement.pin.digest = KeyDigest(key);
  return statement;
}

std::string Judge(const PolicyIndex& index, const VerifiedPath& path, Time now,
                  std::string_view host = "api.example.com") {
  const Verdict verdict =
      Evaluate(index, {*HostName::Parse(host), 443}, {&path, 1}, SearchEnd::kComplete, now);
  std::string text(NameOf(verdict.outcome));
  if (verdict.code()) text += " " + std::string(NameOf(*verdict.code()));
  return text;
}

std::string Judge(const Policy& policy, const VerifiedPath& path, Time now = kBegin,
                  std::string_view host = "api.example.com") {
  const Result<PolicyIndex> index = PolicyIndex::Build(policy);
  return index ? Judge(*index, path, now, host) : std::string(NameOf(index.error().code));
}

TEST(Emergency, SuspendedRuleReportsUntilItsEndAndSaysSo_S3_39) {
  Policy policy = TwoRules();
  policy.emergency = {Suspend("api.example.com")};
  EXPECT_EQ(Judge(policy, PathOf({1, 2})), "reported rule_suspended");
  EXPECT_EQ(Judge(policy, PathOf({1, 2}), kLastSecond), "reported rule_suspended");
  EXPECT_EQ(Judge(policy, PathOf({1, 2}), kEnd), "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(policy, PathOf({8, 2})), "pinned_ok rule_suspended");
  EXPECT_EQ(Judge(policy, PathOf({8, 2}), kEnd), "pinned_ok");
}

TEST(Emergency, SuspensionHoldsForTheNamedRuleAndNoOther) {
  Policy policy = TwoRules();
  policy.emergency = {Suspend("api.example.com")};
  EXPECT_EQ(Judge(policy, PathOf({1, 2}), kBegin, "www.example.com"), "pin_mismatch pin_mismatch");
  policy.emergency = {Suspend("*.example.com")};
  EXPECT_EQ(Judge(policy, PathOf({1, 2}), kBegin, "www.example.com"), "reported rule_suspended");
  EXPECT_EQ(Judge(policy, PathOf({1, 2})), "pin_mismatch pin_mismatch");
  policy.emergency[0].rules[0].port = 8443;  // the rule does not name it
  EXPECT_EQ(Judge(policy, PathOf({1, 2}), kBegin, "www.example.com"), "pin_mismatch pin_mismatch");
}

// PKI stays: without a verified path nothing passes.
TEST(Emergency, SuspensionNeedsAVerifiedPath) {
  Policy policy = TwoRules();
  policy.emergency = {Suspend("api.example.com")};
  const Result<PolicyIndex> index = PolicyIndex::Build(policy);
  ASSERT_TRUE(index);
  const Verdict verdict = Evaluate(*index, {*HostName::Parse("api.example.com"), 443}, {},
                                   SearchEnd::kComplete, kBegin);
  EXPECT_EQ(verdict.outcome, Outcome::kPkiError);
}

TEST(Emergency, RevocationWinsOverPinsSuspensionAndModes_S3_39) {
  Policy policy = TwoRules();
  policy.emergency = {Revoke(8), Suspend("api.example.com"), AddPin("api.example.com", 8)};
  EXPECT_EQ(Judge(policy, PathOf({8, 2})), "revoked revoked");
  EXPECT_EQ(Judge(policy, PathOf({1, 8})), "revoked revoked");
  for (const Mode mode : {Mode::kReport, Mode::kOff}) {
    policy.hosts[0].mode = mode;
    EXPECT_EQ(Judge(policy, PathOf({8, 2})), "revoked revoked");
  }
  EXPECT_EQ(Judge(policy, PathOf({8, 2}), kBegin, "unlisted.test"), "revoked revoked");
}

// A policy whose authors leave no usable pin is a mistake; one whose last key is distrusted
// refuses.
TEST(Emergency, RevokingTheLastPinRefusesAndStillCompiles) {
  Policy policy = TwoRules();
  policy.emergency = {Revoke(8), Revoke(9)};
  EXPECT_EQ(Judge(policy, PathOf({8, 2})), "revoked revoked");
  EXPECT_EQ(Judge(policy, PathOf({1, 2})), "pin_mismatch pin_mismatch");
  policy.revoked = {KeyDigest(8), KeyDigest(9)};
  EXPECT_EQ(Judge(policy, PathOf({1, 2})), "policy_no_usable_pin");
}

TEST(Emergency, AddedPinCountsUntilItsEnd) {
  Policy policy = TwoRules();
  policy.emergency = {AddPin("api.example.com", 1)};
  EXPECT_EQ(Judge(policy, PathOf({1, 2}), kLastSecond), "pinned_ok");
  EXPECT_EQ(Judge(policy, PathOf({1, 2}), kEnd), "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(policy, PathOf({8, 2}), kEnd), "pinned_ok");
  EXPECT_EQ(Judge(policy, PathOf({1, 2}), kBegin, "www.example.com"), "pin_mismatch pin_mismatch");
  policy.emergency[0].pin.place = PinPlace::kCa;
  EXPECT_EQ(Judge(policy, PathOf({1, 2})), "pin_mismatch pin_mismatch");
}

TEST(Emergency, WhatHasNoEndOrNoRuleDoesNotCompile) {
  Policy policy = TwoRules();
  policy.emergency = {Suspend("api.example.com")};
  policy.emergency[0].until.reset();
  EXPECT_EQ(Judge(policy, PathOf({1, 2})), "policy_invalid");
  policy.emergency = {AddPin("api.example.com", 1)};
  policy.emergency[0].rules.clear();
  EXPECT_EQ(Judge(policy, PathOf({1, 2})), "policy_invalid");
  policy.emergency.assign(kMaxEmergencyStatements + 1, Revoke(1));
  EXPECT_EQ(Judge(policy, PathOf({1, 2})), "policy_too_large");
}

TEST(Emergency, WhatEndedDoesNotComeBackWithTheClock) {
  Policy policy = TwoRules();
  policy.revision = 4;
  policy.emergency = {Suspend("api.example.com"), AddPin("*.example.com", 1)};
  policy.emergency[1].until = Time{kEnd.unix_seconds + 60};
  const Result<PolicyIndex> built = PolicyIndex::Build(policy);
  ASSERT_TRUE(built);
  EXPECT_EQ(built->NextEnd(kBegin), kEnd);
  EXPECT_EQ(built->NextEnd(kEnd), Time{kEnd.unix_seconds + 60});
  const PolicyIndex ended = built->EndedBy(kEnd);
  EXPECT_EQ(ended.revision(), 4U);
  EXPECT_TRUE(PolicyIndex::Open(ended.image(), nullptr));
  EXPECT_EQ(Judge(ended, PathOf({1, 2}), kBegin), "pin_mismatch pin_mismatch");
  EXPECT_EQ(Judge(ended, PathOf({1, 2}), kBegin, "www.example.com"), "pinned_ok");
  EXPECT_EQ(Judge(*built, PathOf({1, 2}), kBegin), "reported rule_suspended");
  const PolicyIndex all = built->EndedBy(Time{std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(Judge(all, PathOf({1, 2}), kBegin, "www.example.com"), "pin_mismatch pin_mismatch");
  EXPECT_EQ(all.NextEnd(kBegin), std::nullopt);
}

TEST(Emergency, DamagedEndIsSeen) {
  Policy policy = TwoRules();
  policy.emergency = {Suspend("api.example.com"), AddPin("api.example.com", 1)};
  const Result<PolicyIndex> built = PolicyIndex::Build(policy);
  ASSERT_TRUE(built);
  const Bytes image(built->image().begin(), built->image().end());
  for (std::size_t at = 0; at < image.size(); ++at) {
    Bytes changed = image;
    changed[at] ^= 0x55;
    const Result<PolicyIndex> opened = PolicyIndex::Open(changed, nullptr);
    if (!opened) continue;
    EXPECT_THAT(Judge(*opened, PathOf({7, 2}), kEnd),
                ::testing::AnyOf("pin_mismatch pin_mismatch", "pki_error cache_invalid"))
        << at;
  }
}

}  // namespace
}  // namespace cotter
