// SPDX-License-Identifier: Apache-2.0
//
// What waits to be sent to one sink, in order, and when the next try is due. An alert has at most
// two entries: its latest firing and its latest recovery; a newer one takes the place of one that
// was not sent, so a sink that is down for long makes the queue no longer than there are alerts,
// and nothing that still matters is lost. For one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "watch/alert_book.h"

namespace cotter::watch {

// OutboxEntry is one notification that waits.
struct OutboxEntry {
  std::int64_t id = 0;  // grows; 0: not given yet
  Notification notification;
};

// Over this many the oldest recoveries are dropped, and then the oldest; it is counted and told.
inline constexpr std::size_t kMaxWaiting = 20'000;

// How long a sink is left alone after it failed: doubled each time, between these.
inline constexpr std::chrono::seconds kFirstPause{2};
inline constexpr std::chrono::seconds kLongestPause{300};

class Outbox {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  // Added is what Add did: the entry's number, and those of entries that it took the place of.
  struct Added {
    std::int64_t id = 0;
    std::vector<std::int64_t> removed;
  };

  // Add queues a notification under the number `id`, which is larger than every other.
  [[nodiscard]] Added Add(std::int64_t id, Notification notification);

  // Front is what is to be sent next; null where nothing waits, it is not due, or it is being sent.
  [[nodiscard]] const OutboxEntry* Front(SteadyTime now) const;

  // Begin marks the front as being sent; Sent takes it out, Failed puts it off. Unless the entry
  // was replaced meanwhile, it is the one that was begun.
  void Begin() { sending_ = entries_.begin()->first; }
  void Sent();
  void Failed(SteadyTime now);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool is_sending() const noexcept { return sending_.has_value(); }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }

  // failing_in_a_row is how often it failed since the last success.
  [[nodiscard]] std::uint64_t failing_in_a_row() const noexcept { return in_a_row_; }

  // EntriesInOrder is all of them. Borrowed.
  [[nodiscard]] std::vector<const OutboxEntry*> EntriesInOrder() const;

 private:
  // What an entry may be replaced by: the same alert, and both recoveries or neither.
  using Kind = std::pair<std::string, bool>;

  void Remove(std::int64_t id, Added& added);

  std::map<std::int64_t, OutboxEntry> entries_;
  std::map<Kind, std::int64_t> latest_;
  std::set<std::int64_t> recoveries_;
  std::optional<std::int64_t> sending_;
  SteadyTime due_{};
  std::uint64_t dropped_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t in_a_row_ = 0;
};

}  // namespace cotter::watch
