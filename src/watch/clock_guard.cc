// SPDX-License-Identifier: Apache-2.0
#include "watch/clock_guard.h"

#include <cstdlib>

namespace cotter::watch {

ClockGuard::ClockGuard(std::chrono::steady_clock::time_point steady, Time wall,
                       std::optional<Time> last_known)
    : steady_(steady), wall_(wall) {
  if (last_known && wall.unix_seconds + kSmallestJump < last_known->unix_seconds) {
    jumped_ = wall.unix_seconds - last_known->unix_seconds;
    ++jumps_;
    doubted_since_ = steady;
  }
}

Moment ClockGuard::Look(std::chrono::steady_clock::time_point steady, Time wall) {
  const auto ran = std::chrono::duration_cast<std::chrono::seconds>(steady - steady_).count();
  const std::int64_t jump = wall.unix_seconds - wall_.unix_seconds - ran;
  if (std::abs(jump) >= kSmallestJump) {
    jumped_ = jump;
    ++jumps_;
    doubted_since_ = steady;
  } else if (doubted_since_ && steady - *doubted_since_ >= kQuarantine) {
    doubted_since_.reset();
  }
  // Whole seconds only, so that what is left of one is not lost at each look.
  if (std::abs(jump) >= kSmallestJump || ran >= kSmallestJump) {
    steady_ = steady;
    wall_ = wall;
  }
  return {.steady = steady,
          .wall = wall,
          .trust = doubted_since_ ? ClockTrust::kInDoubt : ClockTrust::kTrusted};
}

}  // namespace cotter::watch
