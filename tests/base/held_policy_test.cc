// SPDX-License-Identifier: Apache-2.0
//
// Policies that the program sets: what is in force, and who hears of a swap.
#include <stdexcept>

#include <gtest/gtest.h>

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

TEST(HeldPolicyTest, NoPolicyIsNoSource) { EXPECT_EQ(HoldPolicy(nullptr), nullptr); }

}  // namespace
}  // namespace cotter
