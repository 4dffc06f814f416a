// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/fake_paths.h"
#include <cotter/policy.h>
#include <cotter/policy_index.h>

namespace cotter {
namespace {

using ::testing::HasSubstr;
using testing::KeyDigest;

PolicyPin PinOf(unsigned key) { return {.pin = {.digest = KeyDigest(key)}}; }

PinSet SetOf(std::string name, std::vector<unsigned> keys, std::vector<std::string> extends = {}) {
  PinSet set{.name = std::move(name), .extends = std::move(extends)};
  for (const unsigned key : keys) set.pins.push_back(PinOf(key));
  return set;
}

Policy PolicyOf(std::vector<PinSet> sets, std::vector<unsigned> own,
                std::vector<std::string> extends) {
  HostRule rule{.pattern = *HostPattern::Parse("api.example.com")};
  for (const unsigned key : own) rule.pins.push_back(PinOf(key));
  rule.extends = std::move(extends);
  Policy policy;
  policy.pin_sets = std::move(sets);
  policy.hosts.push_back(std::move(rule));
  return policy;
}

// Resolved is the pins of the one rule as "key@set", or the error.
std::string Resolved(Policy policy) {
  if (Result<void> done = ResolvePinSets(policy); !done) return done.error().message;
  std::string text;
  for (const PolicyPin& entry : policy.hosts[0].pins) {
    for (unsigned key = 0; key < 20; ++key) {
      if (entry.pin.digest == KeyDigest(key)) text += std::to_string(key);
    }
    text += "@" + entry.set + " ";
  }
  return text;
}

// S1-41: what stays for years is written once.
TEST(ResolvePinSets, AddsSharedPinsBehindTheRulesOwn_S1_41) {
  const std::vector<PinSet> sets = {SetOf("roots", {5, 6}), SetOf("all", {7, 1}, {"roots"})};
  EXPECT_EQ(Resolved(PolicyOf(sets, {1, 2}, {})), "1@ 2@ ");
  EXPECT_EQ(Resolved(PolicyOf(sets, {1, 2}, {"roots"})), "1@ 2@ 5@roots 6@roots ");
  EXPECT_EQ(Resolved(PolicyOf(sets, {1, 2}, {"all", "roots"})), "1@ 2@ 7@all 5@roots 6@roots ");
}

TEST(ResolvePinSets, DoneTwiceIsDoneOnce) {
  Policy policy = PolicyOf({SetOf("roots", {5})}, {1}, {"roots"});
  ASSERT_TRUE(ResolvePinSets(policy));
  ASSERT_TRUE(ResolvePinSets(policy));
  EXPECT_EQ(policy.hosts[0].pins.size(), 2U);
}

TEST(ResolvePinSets, RefusesCyclesAndUnknownSets) {
  EXPECT_THAT(Resolved(PolicyOf({SetOf("a", {1}, {"a"})}, {1}, {"a"})), HasSubstr("itself"));
  EXPECT_THAT(Resolved(PolicyOf({SetOf("a", {1}, {"b"}), SetOf("b", {1}, {"a"})}, {1}, {})),
              HasSubstr("itself"));
  EXPECT_THAT(Resolved(PolicyOf({}, {1}, {"roots"})), HasSubstr("no [[pin_set]] named \"roots\""));
  EXPECT_THAT(Resolved(PolicyOf({SetOf("a", {1}), SetOf("a", {2})}, {1}, {})), HasSubstr("twice"));
}

TEST(ResolvePinSets, BoundsWhatASmallFileCanAskFor) {
  std::vector<PinSet> sets;
  for (unsigned i = 0; i <= kMaxPinSets; ++i) sets.push_back(SetOf(std::to_string(i), {i}));
  EXPECT_THAT(Resolved(PolicyOf(sets, {1}, {})), HasSubstr("pin sets"));
  // A chain of sets as long as is allowed needs no stack of the process.
  sets.pop_back();
  for (std::size_t i = 1; i < sets.size(); ++i) {
    sets[i].pins.clear();
    sets[i].extends = {sets[i - 1].name};
  }
  EXPECT_EQ(Resolved(PolicyOf(sets, {1}, {sets.back().name})), "1@ 0@0 ");
  std::vector<unsigned> keys(kMaxPinsPerRule);
  for (unsigned i = 0; i < keys.size(); ++i) keys[i] = 100 + i;
  EXPECT_THAT(Resolved(PolicyOf({SetOf("wide", keys)}, {1}, {"wide"})), HasSubstr("256 pins"));
}

// Whoever edits a model and forgets to resolve gets an error, never fewer pins.
TEST(PolicyIndexBuild, RefusesSetsThatWereNotResolved) {
  Policy policy = PolicyOf({SetOf("roots", {5})}, {1}, {"roots"});
  EXPECT_FALSE(PolicyIndex::Build(policy));
  ASSERT_TRUE(ResolvePinSets(policy));
  EXPECT_TRUE(PolicyIndex::Build(policy));
  policy.pin_sets[0].pins.push_back(PinOf(6));
  EXPECT_FALSE(PolicyIndex::Build(policy));
  policy.pin_sets.clear();
  EXPECT_FALSE(PolicyIndex::Build(policy));
  const std::optional<PolicyFault> fault = FindFault(policy);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->host, 0U);
}

}  // namespace
}  // namespace cotter
