// SPDX-License-Identifier: Apache-2.0
//
// When a client asks again. The figures are those of docs/distribution.md.
#include "update/poll_schedule.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace cotter::update {
namespace {

constexpr Time kNow{1'800'000'000};
constexpr std::uint32_t kRandoms[] = {0, 1, 12'345, 2'147'483'648U, 4'294'967'295U};

Time After(std::int64_t seconds) { return Time{kNow.unix_seconds + seconds}; }

TEST(PollSchedule, IsSixHoursHalfMoreOrLessWhereNothingExpiresSoon) {
  PollSchedule schedule;
  std::int64_t least = kPollSeconds * 9;
  std::int64_t most = 0;
  std::int64_t sum = 0;
  constexpr std::uint32_t kSteps = 10'000;
  for (std::uint32_t i = 0; i < kSteps; ++i) {
    const std::int64_t wait = schedule.AfterSuccess(kNow, After(86'400), Brought::kNothing,
                                                    i * (4'294'967'295U / kSteps));
    least = std::min(least, wait);
    most = std::max(most, wait);
    sum += wait;
  }
  EXPECT_GE(least, 3 * 3600);
  EXPECT_LE(least, 3 * 3600 + 60);
  EXPECT_LT(most, 9 * 3600);
  EXPECT_GE(most, 9 * 3600 - 60);
  EXPECT_NEAR(static_cast<double>(sum) / kSteps, 6 * 3600, 120);
}

TEST(PollSchedule, ComesSoonerNearTheEndAndNeverAllAtOnce) {
  PollSchedule schedule;
  for (const std::uint32_t random : kRandoms) {
    const std::int64_t wait = schedule.AfterSuccess(kNow, After(7200), Brought::kNothing, random);
    EXPECT_GE(wait, 1800);
    EXPECT_LT(wait, 5400);
    // Expired, by a clock that is right or by one that runs ahead by ten years; and next to it.
    for (const std::int64_t left : {-10 * 366 * 86'400L, 0L, 1L, 60L}) {
      const std::int64_t soonest =
          schedule.AfterSuccess(kNow, After(left), Brought::kNothing, random);
      EXPECT_GE(soonest, kSoonestPollSeconds / 2) << left;
      EXPECT_LT(soonest, kSoonestPollSeconds * 3 / 2) << left;
    }
    // One that is ten years behind.
    EXPECT_LT(schedule.AfterSuccess(After(-10 * 366 * 86'400L), kNow, Brought::kNothing, random),
              9 * 3600);
  }
}

TEST(PollSchedule, WaitsLongerWithEveryFailureUpToTheRegularPause) {
  for (const std::uint32_t random : kRandoms) {
    PollSchedule schedule;
    std::int64_t middle = 60;
    for (int failure = 0; failure < 1000; ++failure) {
      const std::int64_t wait = schedule.AfterFailure(random);
      EXPECT_GE(wait, middle / 2);
      EXPECT_LT(wait, middle + middle / 2);
      middle = std::min<std::int64_t>(middle * 2, 60 * 256);
    }
    const std::int64_t regular =
        schedule.AfterSuccess(kNow, After(86'400), Brought::kNothing, random);
    EXPECT_GE(regular, 3 * 3600);
    EXPECT_LT(schedule.AfterFailure(random), 90);
  }
}

TEST(PollSchedule, OneMismatchBringsOnePollAndAStormOfThemNoMore) {
  PollSchedule schedule;
  std::vector<std::int64_t> polls;
  for (std::int64_t uptime = 0; uptime < 86'400; ++uptime) {  // a mismatch each second
    if (const auto wait = schedule.AfterMismatch(uptime, 4'294'967'295U)) {
      EXPECT_LE(*wait, 30);
      polls.push_back(uptime);
    }
  }
  std::vector<std::int64_t> expected{0, 900, 2700};
  for (std::int64_t at = 6300; at < 86'400; at += 3600) expected.push_back(at);
  EXPECT_EQ(polls, expected);
  // A policy that came lets the next mismatch count again, at once.
  (void)schedule.AfterSuccess(kNow, After(86'400), Brought::kNewPolicy, 0);
  EXPECT_TRUE(schedule.AfterMismatch(86'400, 0));
  EXPECT_FALSE(schedule.AfterMismatch(86'401, 0));
  EXPECT_TRUE(schedule.AfterMismatch(87'300, 0));
}

}  // namespace
}  // namespace cotter::update
