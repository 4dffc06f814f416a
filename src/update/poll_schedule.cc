// SPDX-License-Identifier: Apache-2.0
#include "update/poll_schedule.h"

#include <algorithm>

namespace cotter::update {
namespace {

// 60 s doubled so often is over four hours, and more than half of that over six.
constexpr unsigned kMostDoublings = 8;

// Spread is `middle`, half more or less.
std::int64_t Spread(std::int64_t middle, std::uint32_t random) noexcept {
  return middle / 2 + static_cast<std::int64_t>(random) % middle;
}

}  // namespace

std::int64_t PollSchedule::AfterSuccess(Time now, Time expires, Brought brought,
                                        std::uint32_t random) noexcept {
  failures_ = 0;
  if (brought == Brought::kNewPolicy) {
    early_gap_ = kEarlyPollGapSeconds;
    next_early_.reset();
  }
  // Half of what is left, so that one failure near the end is not yet the end. A clock that runs
  // ahead by years leaves less than nothing.
  const std::int64_t left = expires > now ? (expires.unix_seconds - now.unix_seconds) / 2 : 0;
  return Spread(std::clamp(left, kSoonestPollSeconds, kPollSeconds), random);
}

std::int64_t PollSchedule::AfterFailure(std::uint32_t random) noexcept {
  const std::int64_t wait = kFirstRetrySeconds << std::min(failures_, kMostDoublings);
  if (failures_ <= kMostDoublings) ++failures_;
  return Spread(std::min(wait, kPollSeconds), random);
}

std::optional<std::int64_t> PollSchedule::AfterMismatch(std::int64_t uptime,
                                                        std::uint32_t random) noexcept {
  if (next_early_ && uptime < *next_early_) return std::nullopt;
  next_early_ = uptime + early_gap_;
  early_gap_ = std::min(early_gap_ * 2, kMostEarlyPollGapSeconds);
  return static_cast<std::int64_t>(random) % (kEarlyPollJitterSeconds + 1);
}

}  // namespace cotter::update
