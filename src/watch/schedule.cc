// SPDX-License-Identifier: Apache-2.0
#include "watch/schedule.h"

#include <algorithm>

namespace cotter::watch {

using std::chrono::milliseconds;

void Schedule::Begin(std::size_t server, SteadyTime now, milliseconds spread) {
  const auto range = static_cast<std::uint64_t>(std::max<std::int64_t>(spread.count(), 0)) + 1;
  queue_.push({server, now + milliseconds(static_cast<std::int64_t>(random_() % range))});
}

void Schedule::Again(std::size_t server, SteadyTime last, SteadyTime now,
                     std::chrono::seconds interval, std::int64_t jitter_percent) {
  constexpr std::int64_t kWhole = 100;
  const std::int64_t length = milliseconds(interval).count();
  const std::int64_t most = length * jitter_percent / kWhole;
  const auto range = static_cast<std::uint64_t>(2 * most + 1);
  const std::int64_t shift = static_cast<std::int64_t>(random_() % range) - most;
  const SteadyTime due = last + milliseconds(length + shift);
  queue_.push({server, std::max(due, now)});
}

std::optional<Schedule::Due> Schedule::TakeDue(SteadyTime now) {
  if (queue_.empty() || queue_.top().at > now) return std::nullopt;
  const Due due = queue_.top();
  queue_.pop();
  return due;
}

std::optional<Schedule::SteadyTime> Schedule::Next() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.top().at;
}

}  // namespace cotter::watch
