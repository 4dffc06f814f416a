// SPDX-License-Identifier: Apache-2.0
#include "watch/judge.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "watch/clock_guard.h"
#include "watch/schedule.h"

namespace cotter::watch {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kDay = 86'400;
constexpr Time kNow{1'800'000'000};

Digest Key(std::uint8_t number) {
  Digest digest;
  digest.bytes[0] = number;
  digest.bytes[1] = 1;
  return digest;
}

// Facts is a look that saw the leaf `key` over the intermediate 100 and the root 101.
ServerFacts Facts(std::uint8_t key, Outcome outcome = Outcome::kPinnedOk) {
  ServerFacts facts;
  facts.target = "api.example.com:443";
  facts.at = kNow;
  facts.policy_version = 1;
  SeenChainFacts chain;
  chain.leaf = Key(key);
  chain.presented = {Key(key), Key(100)};
  chain.path = {Key(key), Key(100), Key(101)};
  chain.not_before = Time{kNow.unix_seconds - 10 * kDay};
  chain.not_after = Time{kNow.unix_seconds + 80 * kDay};
  chain.outcome = outcome;
  facts.chains = {chain};
  PeerFacts peer;
  peer.peer = "192.0.2.1:443";
  peer.chains = {0};
  facts.peers = {peer};
  return facts;
}

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    rule_.rule = &host_rule_;
    rule_.pins = {Key(1), Key(2)};
    rule_.lasting = rule_.pins;
    rule_.reserves = {Key(2)};
    static_cast<void>(Remember(Facts(1), Rotation::kNone, memory_));
  }

  [[nodiscard]] std::vector<Condition> Judged(Time now = kNow) const {
    ServerView view{.subject = subject_,
                    .rule = rule_,
                    .memory = memory_,
                    .reports = {},
                    .awaited = awaited_,
                    .rotation = rotation_,
                    .standby = standby_,
                    .intermediates = intermediates_,
                    .backup_proof_days = 90,
                    .policy_version = 1};
    view.reports.push_back({"home", &*memory_.facts});
    for (std::size_t i = 0; i < others_.size(); ++i) {
      view.reports.push_back({"v" + std::to_string(i), &others_[i]});
    }
    return Judge(view, now);
  }

  [[nodiscard]] bool Has(Code code, Time now = kNow) const {
    const auto conditions = Judged(now);
    return std::any_of(conditions.begin(), conditions.end(),
                       [code](const Condition& condition) { return condition.code == code; });
  }

  HostRule host_rule_{.pattern = HostPattern::Parse("api.example.com").value()};
  Subject subject_{.name = "api.example.com:443",
                   .host = "api.example.com",
                   .group = "",
                   .region = "",
                   .vendor = "",
                   .owner = ""};
  RuleView rule_;
  ServerMemory memory_;
  std::vector<ServerFacts> others_;
  std::vector<Digest> intermediates_;
  std::size_t awaited_ = 0;
  Rotation rotation_ = Rotation::kNone;
  Standby standby_ = Standby::kNone;
};

TEST_F(JudgeTest, AHealthyServerHasNothing) { EXPECT_TRUE(Judged().empty()); }

// S1-48.
TEST_F(JudgeTest, AMismatchHasTheTextThatPeopleAreWokenBy_S1_48) {
  memory_.facts = Facts(9, Outcome::kPinMismatch);
  const auto conditions = Judged();
  ASSERT_EQ(conditions.size(), 1U);
  EXPECT_EQ(conditions[0].text, "SSL pin mismatch: api.example.com");
  EXPECT_EQ(conditions[0].severity, Severity::kCritical);
  memory_.facts = Facts(9, Outcome::kReported);
  EXPECT_EQ(Judged().at(0).severity, Severity::kWarning);
}

TEST_F(JudgeTest, TheQuorumIsThatOfMultiPerspectiveValidation) {
  EXPECT_EQ(MostDissenters(1), 0U);
  for (const std::size_t vantages : {2U, 3U, 5U}) EXPECT_EQ(MostDissenters(vantages), 1U);
  for (const std::size_t vantages : {6U, 20U}) EXPECT_EQ(MostDissenters(vantages), 2U);
}

// S3-49: an interceptor at one place, and a change everywhere.
TEST_F(JudgeTest, OneOfSeveralPlacesIsADisagreementAndNotAMismatch_S3_49) {
  memory_.facts = Facts(9, Outcome::kPinMismatch);
  others_ = {Facts(1), Facts(1)};
  EXPECT_FALSE(Has(Code::kPinMismatch));
  EXPECT_TRUE(Has(Code::kVantageDisagreement));
  others_[0] = Facts(9, Outcome::kPinMismatch);
  EXPECT_TRUE(Has(Code::kPinMismatch));
  // Of six, two are not enough.
  others_.resize(5, Facts(1));
  EXPECT_FALSE(Has(Code::kPinMismatch));
  others_[1] = Facts(9, Outcome::kPinMismatch);
  EXPECT_TRUE(Has(Code::kPinMismatch));
}

TEST_F(JudgeTest, PlacesThatHaveNotReportedSinceTheStartAreWaitedFor) {
  memory_.facts = Facts(9, Outcome::kPinMismatch);
  awaited_ = 2;
  EXPECT_FALSE(Has(Code::kPinMismatch));
  awaited_ = 0;
  EXPECT_TRUE(Has(Code::kPinMismatch));
}

TEST_F(JudgeTest, VerdictsOfAnotherPolicyDoNotCount) {
  others_ = {Facts(1, Outcome::kPinMismatch), Facts(1, Outcome::kPinMismatch)};
  EXPECT_TRUE(Has(Code::kPinMismatch));
  for (ServerFacts& facts : others_) facts.policy_version = 7;
  EXPECT_FALSE(Has(Code::kPinMismatch));
}

TEST_F(JudgeTest, PlacesThatShareAKeyAgree) {
  ServerFacts both = Facts(1);
  both.chains.push_back(Facts(3).chains[0]);
  others_ = {both, Facts(3)};
  EXPECT_FALSE(Has(Code::kVantageDisagreement));
  others_.push_back(Facts(4));
  EXPECT_TRUE(Has(Code::kVantageDisagreement));
}

// S3-35.
TEST_F(JudgeTest, ANewLeafKeyIsToldUntilItIsExplained_S3_35) {
  static_cast<void>(Remember(Facts(2), Rotation::kNone, memory_));
  EXPECT_TRUE(Has(Code::kLeafKeyChanged));
  EXPECT_TRUE(Has(Code::kLeafKeyChanged, Time{kNow.unix_seconds + kDay - 1}));
  EXPECT_FALSE(Has(Code::kLeafKeyChanged, Time{kNow.unix_seconds + kDay + 1}));
  rotation_ = Rotation::kOpen;
  EXPECT_FALSE(Has(Code::kLeafKeyChanged));
  rotation_ = Rotation::kNone;
  static_cast<void>(Remember(Facts(1), Rotation::kNone, memory_));  // it went back
  EXPECT_FALSE(Has(Code::kLeafKeyChanged));
  EXPECT_EQ(memory_.key_changes, 1U);
}

TEST_F(JudgeTest, WhatDoesNotVerifyIsNoBaseline) {
  ServerMemory fresh;
  ServerFacts rogue = Facts(9, Outcome::kPkiError);
  rogue.chains[0].path.clear();
  static_cast<void>(Remember(rogue, Rotation::kNone, fresh));
  EXPECT_TRUE(fresh.leaf_keys.empty());
  static_cast<void>(Remember(Facts(1), Rotation::kNone, fresh));
  EXPECT_FALSE(fresh.last_change);
}

// S3-49.
TEST_F(JudgeTest, AnUnexpectedIntermediateIsTold_S3_49) {
  ServerFacts facts = Facts(1);
  facts.chains[0].path[1] = Key(110);
  static_cast<void>(Remember(facts, Rotation::kNone, memory_));
  EXPECT_TRUE(Has(Code::kUnexpectedIntermediate));
  intermediates_ = {Key(110)};
  EXPECT_FALSE(Has(Code::kUnexpectedIntermediate));
  intermediates_.clear();
  static_cast<void>(Remember(facts, Rotation::kOpen, memory_));  // taken in by a rotation
  EXPECT_FALSE(Has(Code::kUnexpectedIntermediate));
}

// S0-22.
TEST_F(JudgeTest, APinInReserveMustNotBeServedOrRetiring_S0_22) {
  rule_.pins = rule_.lasting = {Key(1), Key(100)};
  EXPECT_TRUE(Has(Code::kNoLiveBackup));
  rule_.pins = {Key(1), Key(2)};
  rule_.lasting = {Key(1)};
  EXPECT_TRUE(Has(Code::kNoLiveBackup));
}

// S3-18, S3-34: a share of the lifetime, whatever that is.
TEST_F(JudgeTest, RenewalIsJudgedByTheShareThatIsLeft_S3_18_S3_34) {
  for (const std::int64_t life : {6 * kDay, 47 * kDay, 398 * kDay}) {
    ServerFacts facts = Facts(1);
    facts.chains[0].not_before = Time{kNow.unix_seconds};
    facts.chains[0].not_after = Time{kNow.unix_seconds + life};
    memory_.facts = facts;
    const auto at = [&](std::int64_t percent) {
      return Time{kNow.unix_seconds + life * percent / 100};
    };
    EXPECT_FALSE(Has(Code::kRenewalOverdue, at(74)));
    EXPECT_TRUE(Has(Code::kRenewalOverdue, at(76)));
    const auto last = Judged(at(91));
    const auto found = std::find_if(last.begin(), last.end(), [](const Condition& condition) {
      return condition.code == Code::kRenewalOverdue;
    });
    ASSERT_NE(found, last.end());
    EXPECT_EQ(found->severity, Severity::kCritical);
  }
}

// S3-50: 90 and 60 days for a year; a certificate of 47 days scales them.
TEST_F(JudgeTest, LeadTimesScaleWithTheLifetime_S3_50) {
  const auto severity = [&](std::int64_t life_days, std::int64_t left_days) -> int {
    ServerFacts facts = Facts(1);
    facts.chains[0].not_before = Time{kNow.unix_seconds};
    facts.chains[0].not_after = Time{kNow.unix_seconds + life_days * kDay};
    memory_.facts = facts;
    rule_.expires = Time{kNow.unix_seconds + left_days * kDay};
    for (const Condition& condition : Judged()) {
      if (condition.code == Code::kExpirySoon) {
        return condition.severity == Severity::kCritical ? 2 : 1;
      }
    }
    return 0;
  };
  EXPECT_EQ(severity(365, 91), 0);
  EXPECT_EQ(severity(365, 89), 1);
  EXPECT_EQ(severity(365, 59), 2);
  EXPECT_EQ(severity(47, 12), 0);
  EXPECT_EQ(severity(47, 10), 1);
  EXPECT_EQ(severity(47, 6), 2);
}

// S3-11.
TEST_F(JudgeTest, ABackupKeyIsProvenByItsStandbyEndpoint_S3_11) {
  standby_ = Standby::kNotYet;
  EXPECT_FALSE(Has(Code::kBackupUnproven));
  standby_ = Standby::kLookedAt;
  EXPECT_TRUE(Has(Code::kBackupUnproven));
  RememberProof(Facts(2), rule_.reserves, memory_);
  EXPECT_FALSE(Has(Code::kBackupUnproven));
  EXPECT_TRUE(Has(Code::kBackupUnproven, Time{kNow.unix_seconds + 91 * kDay}));
}

TEST(ClockGuard, ASteadyClockIsTrustedAndAJumpIsDoubtedForAWhile) {
  const std::chrono::steady_clock::time_point start{seconds(1000)};
  ClockGuard guard(start, kNow, std::nullopt);
  const auto look = [&](std::int64_t ran, std::int64_t wall) {
    return guard.Look(start + seconds(ran), Time{kNow.unix_seconds + wall}).trust;
  };
  for (std::int64_t second = 0; second < 1000; second += 7) {
    EXPECT_EQ(look(second, second), ClockTrust::kTrusted);
  }
  EXPECT_EQ(look(1000, 1000 + 30), ClockTrust::kTrusted);  // steered
  EXPECT_EQ(look(1001, 100'000), ClockTrust::kInDoubt);
  EXPECT_EQ(guard.jumps(), 1U);
  EXPECT_EQ(look(1200, 100'199), ClockTrust::kInDoubt);
  EXPECT_EQ(look(1210, 1210), ClockTrust::kInDoubt);  // and back
  EXPECT_EQ(look(1210 + 299, 1210 + 299), ClockTrust::kInDoubt);
  EXPECT_EQ(look(1210 + 301, 1210 + 301), ClockTrust::kTrusted);
}

TEST(ClockGuard, AClockBeforeWhatIsOnDiskIsInDoubtFromTheBeginning) {
  const std::chrono::steady_clock::time_point start{seconds(1000)};
  ClockGuard guard(start, kNow, Time{kNow.unix_seconds + kDay});
  EXPECT_EQ(guard.Look(start, kNow).trust, ClockTrust::kInDoubt);
}

TEST(Schedule, SpreadsServersAndKeepsTheirInterval) {
  std::uint64_t counter = 0;
  Schedule schedule([&counter] { return counter += 7'919; });
  const Schedule::SteadyTime start{seconds(1000)};
  for (std::size_t server = 0; server < 100; ++server) schedule.Begin(server, start, seconds(10));
  std::vector<int> looks(100);
  std::vector<int> in_second(120);
  for (auto now = start; now < start + seconds(100); now += std::chrono::milliseconds(50)) {
    while (const auto due = schedule.TakeDue(now)) {
      ++looks.at(due->server);
      ++in_second.at(static_cast<std::size_t>((now - start) / seconds(1)));
      schedule.Again(due->server, due->at, now, seconds(10), 10);
    }
  }
  for (const int count : looks) {
    EXPECT_GE(count, 9);
    EXPECT_LE(count, 12);
  }
  EXPECT_LE(*std::max_element(in_second.begin(), in_second.end()), 30);
}

}  // namespace
}  // namespace cotter::watch
