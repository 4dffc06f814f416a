// SPDX-License-Identifier: Apache-2.0
//
// Is the wall clock to be believed? It is compared with the monotonic one: where it moved by more
// than the other, somebody set it, or the machine slept. Until it has run evenly for a while, rules
// of the clock stand still, so that a wrong clock neither fires for every server nor ends what is
// open. For one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "watch/alert_book.h"
#include <cotter/time.h>

namespace cotter::watch {

class ClockGuard {
 public:
  // Steps of less are those of a clock that is being steered.
  static constexpr std::int64_t kSmallestJump = 60;

  // How long the clock has to run evenly to be believed again: long enough for a time service to
  // put it right.
  static constexpr std::chrono::seconds kQuarantine{300};

  // `last_known` is a time that is known to have passed, from an earlier run; a clock before it is
  // in doubt from the beginning.
  ClockGuard(std::chrono::steady_clock::time_point steady, Time wall,
             std::optional<Time> last_known);

  // Look takes both clocks and says what to think of the wall's.
  [[nodiscard]] Moment Look(std::chrono::steady_clock::time_point steady, Time wall);

  // jumped is by how many seconds the clock jumped last; 0 where it never did.
  [[nodiscard]] std::int64_t jumped() const noexcept { return jumped_; }
  [[nodiscard]] std::uint64_t jumps() const noexcept { return jumps_; }

 private:
  std::chrono::steady_clock::time_point steady_;
  Time wall_;
  std::optional<std::chrono::steady_clock::time_point> doubted_since_;
  std::int64_t jumped_ = 0;
  std::uint64_t jumps_ = 0;
};

}  // namespace cotter::watch
