// SPDX-License-Identifier: Apache-2.0
#include "gateway/policy_switch.h"

#include <memory>

#include <gtest/gtest.h>

#include <cotter/policy.h>
#include <cotter/policy_index.h>

namespace cotter::gateway {
namespace {

std::shared_ptr<const PolicyIndex> Version(std::uint64_t version) {
  Policy policy;
  policy.version = version;
  auto index = PolicyIndex::Build(policy);
  return std::make_shared<const PolicyIndex>(*std::move(index));
}

TEST(PolicySwitch, GivesWhatItsSourceGives) {
  const auto source = HoldPolicy(Version(1));
  PolicySwitch policy(source);
  EXPECT_EQ(policy.Current(), source->Current());
  int told = 0;
  const auto subscription = policy.Subscribe([&told] { ++told; });
  source->Set(Version(2));
  EXPECT_EQ(policy.Current(), source->Current());
  EXPECT_EQ(told, 1);
}

TEST(PolicySwitch, WhatIsNoLongerFollowedHasNoSay) {
  const auto before = HoldPolicy(Version(8));
  const auto after = HoldPolicy(Version(3));
  PolicySwitch policy(before);
  int told = 0;
  const auto subscription = policy.Subscribe([&told] { ++told; });
  policy.Follow(after);
  EXPECT_EQ(policy.Current()->version(), 3U);
  EXPECT_EQ(told, 1);
  before->Set(Version(9));
  EXPECT_EQ(policy.Current()->version(), 3U);
  EXPECT_EQ(told, 1);
  after->Set(Version(4));
  EXPECT_EQ(policy.Current()->version(), 4U);
}

TEST(PolicySwitch, KeepsItsSourceAndLetsGoOfTheOneBefore) {
  auto before = HoldPolicy(Version(1));
  auto after = HoldPolicy(Version(2));
  const std::weak_ptr<HeldPolicy> old = before;
  PolicySwitch policy(std::move(before));
  EXPECT_FALSE(old.expired());
  policy.Follow(after);
  EXPECT_TRUE(old.expired());
}

}  // namespace
}  // namespace cotter::gateway
