// SPDX-License-Identifier: Apache-2.0
//
// One absolute end for several steps that wait, so that no sequence of slow ones adds up. A value,
// safe from any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace cotter::net {

// Deadline is a point on the monotonic clock.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // After is the deadline that lies `span` from now. A span of more than a day counts as a day,
  // which keeps the arithmetic safe.
  [[nodiscard]] static Deadline After(std::chrono::milliseconds span) noexcept {
    constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);
    return Deadline(Clock::now() + std::clamp(span, std::chrono::milliseconds(0), kLongest));
  }

  [[nodiscard]] Clock::time_point at() const noexcept { return at_; }

  // PollTimeout is what poll(2) takes: the milliseconds left, rounded up; 0 once it has passed.
  [[nodiscard]] int PollTimeout() const noexcept {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now());
    const std::int64_t most = std::numeric_limits<int>::max();
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, most));
  }

  [[nodiscard]] bool HasPassed() const noexcept { return Clock::now() >= at_; }

 private:
  explicit Deadline(Clock::time_point at) noexcept : at_(at) {}

  Clock::time_point at_;
};

}  // namespace cotter::net
