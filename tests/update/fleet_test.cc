// SPDX-License-Identifier: Apache-2.0
//
// The simulation of a fleet, held against what can be calculated by hand where nothing goes wrong.
#include "bench/fleet/fleet.h"

#include <cmath>

#include <gtest/gtest.h>

namespace cotter::fleet {
namespace {

// Calm is a fleet of which every figure has a closed form.
FleetOptions Calm() {
  FleetOptions options;
  options.sample = 20'000;
  options.world.troubled = false;
  options.world.mistake_at = options.world.days * 86'400;  // never
  return options;
}

// Pauses are even over [3 h, 9 h), six in the mean, and each poll is two requests.
TEST(Fleet, AsksAsOftenAsItsPausesSay) {
  const Figures figures = Simulate(Calm());
  const double expected = 2 * 100e6 / 21'600;
  EXPECT_NEAR(figures.edge_mean.value, expected, 0.005 * expected);
  EXPECT_LT(figures.edge_mean.error, 0.002 * expected);
}

// Each of 300 places fetches each of two objects every 300 s, and one request later.
TEST(Fleet, AsksTheOriginAsOftenAsCopiesEnd) {
  const Figures figures = Simulate(Calm());
  EXPECT_NEAR(figures.origin_mean, 2.0, 0.01);
  EXPECT_NEAR(figures.hit_ratio, 1 - 1.0 / 4630, 1e-5);
}

// From any moment to the next poll of a client whose pauses are even over [3 h, 9 h): the share
// that has polled after x hours, of 3 to 9, is 1 - (9 - x)^2 / 72. Copies are 150 s old in the
// mean.
TEST(Fleet, TakesAPolicyAsFastAsItsPausesEnd) {
  const Figures figures = Simulate(Calm());
  const auto hours = [](double share) { return 9 - std::sqrt(72 * (1 - share)) + 150.0 / 3600; };
  EXPECT_NEAR(figures.hours_to_95.value, hours(0.95), 4 * figures.hours_to_95.error + 0.02);
  EXPECT_NEAR(figures.hours_to_99.value, hours(0.99), 4 * figures.hours_to_99.error + 0.02);
  EXPECT_LT(figures.hours_to_95.error, 0.1);
  EXPECT_EQ(figures.never, 0);
}

// Without a repair in the month nobody works again. Within it, whoever connects before has failed:
// the repair comes 30 minutes after the mistake, and 0.28 % connect for the first time in a minute.
TEST(Fleet, LocksOutThoseThatConnect) {
  FleetOptions options = Calm();
  options.world.mistake_at = 10 * 86'400;
  options.features.early_poll = false;
  options.world.approvers_seconds = 40 * 86'400;
  EXPECT_NEAR(Simulate(options).stuck, 1, 0.001);
  options.world.mistake_at = options.world.days * 86'400 - 3600;  // the last hour
  EXPECT_NEAR(Simulate(options).stuck, 1 - std::exp(-3600.0 / 21'429), 0.005);
}

TEST(Fleet, IsTheSameForTheSameSeed) {
  FleetOptions options;
  options.sample = 2000;
  const Figures one = Simulate(options);
  EXPECT_EQ(one.edge_mean.value, Simulate(options).edge_mean.value);
  EXPECT_EQ(one.lost_hours.value, Simulate(options).lost_hours.value);
  options.seed = 2;
  EXPECT_NE(one.edge_mean.value, Simulate(options).edge_mean.value);
}

TEST(Fleet, IsServedBetterByWhatTheClientAndTheOperatorHave_S1_52) {
  FleetOptions options;
  options.sample = 10'000;
  const Figures all = Simulate(options);
  options.features = {.early_poll = false};
  const Figures no_early = Simulate(options);
  options.features = {.early_poll = false, .emergency = false};
  const Figures neither = Simulate(options);
  EXPECT_LT(all.lost_hours.value * 5, no_early.lost_hours.value);
  EXPECT_LT(no_early.lost_hours.value * 2, neither.lost_hours.value);
  EXPECT_LE(all.hours_locked_out_95.value, 1.5);
  options.features = {.jitter = false};
  EXPECT_GT(Simulate(options).mistake_edge_peak, 2 * all.mistake_edge_peak);
}

}  // namespace
}  // namespace cotter::fleet
