// SPDX-License-Identifier: Apache-2.0
//
// PollSchedule says when a client asks its repository the next time: every six hours, half more or
// less by chance, so that a fleet does not come at once; sooner where what it has ends before that;
// with growing pauses while it fails; and early, once, where a server did not match its pins. Pure:
// time and chance come in. For one thread. bench/fleet runs a hundred million clients by it.
#pragma once

#include <cstdint>
#include <optional>

#include <cotter/time.h>

namespace cotter::update {

// The middle of the regular pause.
inline constexpr std::int64_t kPollSeconds = std::int64_t{6} * 3600;

// What expiry brings a poll forward to, in the middle. Not less: nothing opens or closes when a
// timestamp ends, and a fleet that holds the same one must not come in one minute.
inline constexpr std::int64_t kSoonestPollSeconds = 900;

// The middle of the first pause after a failure; each further one is twice as long, up to the
// regular one.
inline constexpr std::int64_t kFirstRetrySeconds = 60;

// How long after an early poll the next mismatch may lead to another: twice as long each time, up
// to an hour, until there is a new policy. A fleet that is locked out as a whole then asks six
// times as often as usual, which a CDN bears, and works again within an hour of the repair.
inline constexpr std::int64_t kEarlyPollGapSeconds = 900;
inline constexpr std::int64_t kMostEarlyPollGapSeconds = 3600;

// The longest that an early poll waits: mismatches of a fleet begin in one moment.
inline constexpr std::int64_t kEarlyPollJitterSeconds = 30;

// Whether a poll brought a policy that was not there before.
enum class Brought { kNothing, kNewPolicy };

class PollSchedule {
 public:
  // AfterSuccess is how many seconds to wait after a poll at `now` that went well. `expires` is the
  // end of the timestamp that it saw, `random` any number.
  [[nodiscard]] std::int64_t AfterSuccess(Time now, Time expires, Brought brought,
                                          std::uint32_t random) noexcept;

  // AfterFailure is the same for a poll that did not go well.
  [[nodiscard]] std::int64_t AfterFailure(std::uint32_t random) noexcept;

  // AfterMismatch is how many seconds to wait, at most, when a server did not match its pins at
  // `uptime`, seconds of a clock that only runs forward; nullopt where that changes nothing.
  [[nodiscard]] std::optional<std::int64_t> AfterMismatch(std::int64_t uptime,
                                                          std::uint32_t random) noexcept;

  // failures is how many polls failed in a row.
  [[nodiscard]] unsigned failures() const noexcept { return failures_; }

 private:
  unsigned failures_ = 0;
  std::int64_t early_gap_ = kEarlyPollGapSeconds;
  std::optional<std::int64_t> next_early_;  // from when on, by the clock that runs forward
};

}  // namespace cotter::update
