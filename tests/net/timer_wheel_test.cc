// SPDX-License-Identifier: Apache-2.0
#include "net/async/timer_wheel.h"

#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace cotter::net {
namespace {

using std::chrono::milliseconds;

TEST(TimerWheel, FiresNeverEarlyAndAtMostTwoTicksLate) {
  // Held against a plain list of due times, which has no slots to get wrong.
  MonotonicTime now{std::chrono::hours(1)};
  TimerWheel wheel(now);
  std::mt19937 random(1);
  std::vector<std::unique_ptr<Timer>> timers(200);
  std::map<std::size_t, MonotonicTime> due;
  for (std::size_t i = 0; i < timers.size(); ++i) {
    timers[i] = std::make_unique<Timer>(wheel, [&, i] {
      ASSERT_TRUE(due.contains(i)) << "fired without being armed";
      EXPECT_LE(due[i], now);
      due.erase(i);
    });
  }
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t i = random() % timers.size();
    if (random() % 8 == 0) {
      timers[i]->Cancel();
      due.erase(i);
    } else {
      due[i] = now + milliseconds(random() % 60'000);
      timers[i]->ArmAt(due[i]);
    }
    now += milliseconds(random() % (random() % 64 == 0 ? 40'000 : 90));
    wheel.Advance(now);
    for (const auto& [index, time] : due) {
      ASSERT_GT(time + 2 * TimerWheel::kTick, now) << "timer " << index << " is late";
    }
    const auto until = wheel.UntilNext(now);
    ASSERT_TRUE(due.empty() || until);
    if (!due.empty()) {
      auto first = due.begin()->second;
      for (const auto& [index, time] : due) first = std::min(first, time);
      ASSERT_LE(now + *until, first + 2 * TimerWheel::kTick) << "the loop would sleep too long";
    }
  }
}

TEST(TimerWheel, LetsACallbackDestroyOtherTimers) {
  MonotonicTime now{};
  TimerWheel wheel(now);
  std::unique_ptr<Timer> victim;
  int fired = 0;
  victim = std::make_unique<Timer>(wheel, [&] { ++fired; });
  Timer first(wheel, [&] {
    ++fired;
    victim.reset();
  });
  Timer last(wheel, [&] {
    ++fired;
    victim.reset();
  });
  for (Timer* const timer : {&first, victim.get(), &last}) timer->ArmAt(now + milliseconds(10));
  wheel.Advance(now + milliseconds(500));
  EXPECT_EQ(fired, 2);
}

TEST(TimerWheel, HasNothingToWaitForWhereNothingIsArmed) {
  TimerWheel wheel(MonotonicTime{});
  EXPECT_FALSE(wheel.UntilNext(MonotonicTime{}));
  Timer timer(wheel, [] {});
  timer.ArmAt(MonotonicTime{} + milliseconds(100));
  EXPECT_TRUE(wheel.UntilNext(MonotonicTime{}));
  timer.Cancel();
  EXPECT_FALSE(wheel.UntilNext(MonotonicTime{}));
}

}  // namespace
}  // namespace cotter::net
