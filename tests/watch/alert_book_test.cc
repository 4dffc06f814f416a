// SPDX-License-Identifier: Apache-2.0
#include "watch/alert_book.h"

#include <gtest/gtest.h>

namespace cotter::watch {
namespace {

using std::chrono::seconds;

class AlertBookTest : public testing::Test {
 protected:
  // After moves both clocks.
  Moment After(seconds more) {
    now_.steady += more;
    now_.wall.unix_seconds += more.count();
    return now_;
  }

  std::vector<Notification> Say(std::vector<Condition> conditions) {
    return book_.Update(subject_, conditions, now_);
  }

  static Condition Of(Code code, Severity severity = Severity::kCritical) {
    return {.code = code, .severity = severity, .text = "text", .details = ""};
  }

  AlertBook book_;
  Subject subject_{.name = "api.example.com:443",
                   .host = "api.example.com",
                   .group = "api",
                   .region = "",
                   .vendor = "",
                   .owner = ""};
  Moment now_{.steady = std::chrono::steady_clock::time_point(seconds(1000)),
              .wall = Time{1'700'000'000},
              .trust = ClockTrust::kTrusted};
};

TEST_F(AlertBookTest, TellsOnceWhenItHasHeldAndOnceWhenItIsOver) {
  const std::vector<Condition> mismatch{Of(Code::kPinMismatch)};  // holds for a minute
  EXPECT_TRUE(Say(mismatch).empty());
  After(seconds(59));
  EXPECT_TRUE(Say(mismatch).empty());
  After(seconds(1));
  const auto told = Say(mismatch);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].notice, Notice::kFiring);
  EXPECT_EQ(told[0].Key(), "pin_mismatch/api.example.com:443");
  EXPECT_EQ(told[0].since, Time{1'700'000'000});
  for (int i = 0; i < 100; ++i) {
    After(seconds(60));
    EXPECT_TRUE(Say(mismatch).empty());
  }
  EXPECT_FALSE(book_.IsRestless(subject_.name));
  EXPECT_TRUE(Say({}).empty());  // it must be away for as long as it had to hold
  EXPECT_TRUE(book_.IsRestless(subject_.name));
  After(seconds(60));
  const auto over = Say({});
  ASSERT_EQ(over.size(), 1U);
  EXPECT_EQ(over[0].notice, Notice::kResolved);
  EXPECT_EQ(book_.size(), 0U);
}

// S3-49: a collector that starts again knows nothing of what its agents saw.
TEST_F(AlertBookTest, WhatVantagePointsAgreedOnStaysUntilTheyAreHeard_S3_49) {
  for (const Code code : {Code::kPinMismatch, Code::kVantageDisagreement, Code::kUnreachable,
                          Code::kRenewalOverdue}) {
    book_.Restore(subject_, Of(code), now_.wall);
  }
  std::size_t over = 0;
  for (int i = 0; i < 100; ++i) {
    After(seconds(60));
    for (const Notification& told : book_.Update(subject_, {}, now_, Quorum::kAwaited)) {
      // What is judged from here alone is over as ever.
      EXPECT_EQ(told.condition.code, Code::kRenewalOverdue);
      ++over;
    }
  }
  EXPECT_EQ(over, 1U);
  EXPECT_EQ(book_.size(), 3U);
  // Once all are heard it takes as long as ever.
  EXPECT_TRUE(Say({}).empty());
  After(seconds(300));
  EXPECT_EQ(Say({}).size(), 3U);
  EXPECT_EQ(book_.size(), 0U);
}

TEST_F(AlertBookTest, WhatEndsBeforeItHeldIsNeverTold) {
  EXPECT_TRUE(Say({Of(Code::kUnreachable)}).empty());
  After(seconds(60));
  EXPECT_TRUE(Say({}).empty());
  After(seconds(300));
  EXPECT_TRUE(Say({Of(Code::kUnreachable)}).empty());
}

// Who intercepts every other connection is seen at every other look.
TEST_F(AlertBookTest, AnInterceptorThatComesAndGoesIsTold) {
  for (const Code code : {Code::kPinMismatch, Code::kPkiError}) {
    std::size_t told = 0;
    for (int look = 0; look < 8; ++look) {
      told +=
          Say(look % 2 == 0 ? std::vector<Condition>{Of(code)} : std::vector<Condition>{}).size();
      After(seconds(60));
    }
    EXPECT_EQ(told, 1U) << NameOf(code);
    After(seconds(600));
    static_cast<void>(Say({}));
    After(seconds(600));
    static_cast<void>(Say({}));
    EXPECT_EQ(book_.size(), 0U);
  }
  // One look alone wakes nobody.
  EXPECT_TRUE(Say({Of(Code::kPinMismatch)}).empty());
  for (int look = 0; look < 3; ++look) {
    After(seconds(60));
    EXPECT_TRUE(Say({}).empty());
  }
  EXPECT_EQ(book_.size(), 0U);
  EXPECT_TRUE(Say({Of(Code::kPinMismatch)}).empty());
}

TEST_F(AlertBookTest, WhatComesAndGoesIsToldOnce) {
  const std::vector<Condition> mismatch{Of(Code::kPinMismatch)};
  static_cast<void>(Say(mismatch));
  After(seconds(60));
  EXPECT_EQ(Say(mismatch).size(), 1U);
  for (int i = 0; i < 50; ++i) {
    After(seconds(30));
    EXPECT_TRUE(Say(i % 2 == 0 ? std::vector<Condition>{} : mismatch).empty());
  }
}

TEST_F(AlertBookTest, GettingWorseIsToldAndGettingBetterIsNot) {
  EXPECT_EQ(Say({Of(Code::kExpirySoon, Severity::kWarning)}).size(), 1U);
  const auto worse = Say({Of(Code::kExpirySoon, Severity::kCritical)});
  ASSERT_EQ(worse.size(), 1U);
  EXPECT_EQ(worse[0].notice, Notice::kWorse);
  EXPECT_EQ(worse[0].previous_severity, Severity::kWarning);
  EXPECT_TRUE(Say({Of(Code::kExpirySoon, Severity::kWarning)}).empty());
  EXPECT_TRUE(Say({Of(Code::kExpirySoon, Severity::kCritical)}).empty());
}

// A clock that is set must neither fire what depends on it for every server at once, nor end it.
TEST_F(AlertBookTest, RulesOfTheClockStandStillWhileItIsInDoubt) {
  EXPECT_EQ(Say({Of(Code::kRenewalOverdue)}).size(), 0U);
  After(seconds(600));
  EXPECT_EQ(Say({Of(Code::kRenewalOverdue)}).size(), 1U);
  now_.trust = ClockTrust::kInDoubt;
  After(seconds(1));
  // Back in time: nothing is overdue any more; forwards: all has expired.
  EXPECT_TRUE(Say({}).empty());
  EXPECT_TRUE(Say({Of(Code::kRenewalOverdue), Of(Code::kPinsExpired)}).empty());
  EXPECT_TRUE(book_.IsFiring(Code::kRenewalOverdue, subject_.name));
  // Facts are told all the same.
  EXPECT_EQ(Say({Of(Code::kLeafKeyChanged)}).size(), 1U);
  now_.trust = ClockTrust::kTrusted;
  EXPECT_EQ(Say({Of(Code::kPinsExpired), Of(Code::kLeafKeyChanged)}).size(), 1U);
}

TEST_F(AlertBookTest, TheWallClockDecidesNothing) {
  static_cast<void>(Say({Of(Code::kUnreachable)}));
  now_.wall.unix_seconds += 1'000'000;
  EXPECT_TRUE(Say({Of(Code::kUnreachable)}).empty());
  now_.wall.unix_seconds -= 2'000'000;
  now_.steady += seconds(300);
  EXPECT_EQ(Say({Of(Code::kUnreachable)}).size(), 1U);
}

TEST_F(AlertBookTest, RulesCanBeTurnedOffAndChanged) {
  book_.Configure(
      {{Code::kPinMismatch, {.enabled = true, .hold = seconds(0), .severity = Severity::kWarning}},
       {Code::kUnreachable, {.enabled = false, .hold = {}, .severity = {}}}});
  const auto told = Say({Of(Code::kPinMismatch), Of(Code::kUnreachable)});
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].condition.severity, Severity::kWarning);
}

TEST_F(AlertBookTest, ARestoredAlertIsNotToldAgainButItsEndIs) {
  book_.Restore(subject_, Of(Code::kLeafKeyChanged), Time{5});
  EXPECT_TRUE(Say({Of(Code::kLeafKeyChanged)}).empty());
  const auto over = Say({});
  ASSERT_EQ(over.size(), 1U);
  EXPECT_EQ(over[0].since, Time{5});
}

TEST_F(AlertBookTest, SubjectsThatAreNoLongerWatchedAreResolved) {
  EXPECT_EQ(Say({Of(Code::kLeafKeyChanged)}).size(), 1U);
  EXPECT_TRUE(book_.Forget({subject_.name}, now_).empty());
  EXPECT_EQ(book_.Forget({"other"}, now_).size(), 1U);
  EXPECT_EQ(book_.size(), 0U);
}

TEST_F(AlertBookTest, SubjectsDoNotMix) {
  EXPECT_EQ(Say({Of(Code::kLeafKeyChanged)}).size(), 1U);
  Subject other = subject_;
  other.name = "api.example.com:44";  // sorts right before the other
  EXPECT_TRUE(book_.Update(other, {}, now_).empty());
  EXPECT_TRUE(book_.IsFiring(Code::kLeafKeyChanged, subject_.name));
}

}  // namespace
}  // namespace cotter::watch
