// SPDX-License-Identifier: Apache-2.0
//
// Policies that the program sets: what is in force, and who hears of a swap.
#include <stdexcept>

#include <gtest/gtest.h>

#include "base/clock.h"
#include <cotter/policy_source.h>

namespace cotter {
namespace {

std::shared_ptr<const PolicyIndex> Version(std::uint64_t version) {
  Policy policy;
  policy.name = "test";
  policy.version = version;
  return std::make_shared<const PolicyIndex>(PolicyIndex::Build(policy).value());
}

TEST(HeldPolicyTest, SwapIsInForceWhenSubscribersHearOfIt) {
  const std::shared_ptr<HeldPolicy> source = HoldPolicy(Version(1));
  std::uint64_t seen = 0;
  const std::shared_ptr<void> thrower =
      source->Subscribe([] { throw std::runtime_error("not mine"); });
  std::shared_ptr<void> handle = source->Subscribe([&] { seen = source->Current()->version(); });
  source->Set(Version(2));
  EXPECT_EQ(seen, 2U);
  handle.reset();
  source->Set(Version(3));
  EXPECT_EQ(seen, 2U);
  EXPECT_EQ(source->Current()->version(), 3U);
}

// A subscriber may subscribe, unsubscribe and set: no lock is held when it is called.
TEST(HeldPolicyTest, SubscriberMayCallTheSource) {
  const std::shared_ptr<HeldPolicy> source = HoldPolicy(Version(1));
  std::shared_ptr<void> other;
  const std::shared_ptr<void> handle = source->Subscribe([&] {
    if (source->Current()->version() >= 3) return;
    other = source->Subscribe([] {});
    source->Set(Version(3));
  });
  source->Set(Version(2));
  EXPECT_EQ(source->Current()->version(), 3U);
}

// An end needs no network and no swap: it is there when it is time, whether anybody looks or not.
TEST(HeldPolicyTest, EmergencyStatementsEndByThemselves_S3_39) {
  Policy policy;
  policy.hosts.push_back({.pattern = *HostPattern::Parse("api.example.com")});
  policy.hosts[0].pins.push_back({.pin = {.digest = {{1}}}});
  EmergencyStatement statement{.kind = EmergencyKind::kSuspend, .id = "E1"};
  statement.rules.push_back({.pattern = policy.hosts[0].pattern});
  statement.until = Time{base::Now().unix_seconds + 1};
  policy.emergency.push_back(statement);
  const auto with = std::make_shared<const PolicyIndex>(PolicyIndex::Build(policy).value());
  const std::shared_ptr<HeldPolicy> source = HoldPolicy(with);
  int called = 0;
  const std::shared_ptr<void> handle = source->Subscribe([&] { ++called; });
  while (source->Current() == with) {
  }
  // The clock that counts on ticks at other moments than the calendar's: up to a second earlier.
  EXPECT_GE(base::Now().unix_seconds, statement.until->unix_seconds - 1);
  const HostName host = *HostName::Parse("api.example.com");
  // However far the clock is put back.
  EXPECT_LT(*source->Current()->Find(host, 443).rule.suspended_until(), Time{0});
  EXPECT_EQ(called, 0);
  source->Settle();
  source->Settle();
  EXPECT_EQ(called, 1);
}

TEST(HeldPolicyTest, NoPolicyIsNoSource) { EXPECT_EQ(HoldPolicy(nullptr), nullptr); }

}  // namespace
}  // namespace cotter
