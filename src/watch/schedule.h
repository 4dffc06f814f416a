// SPDX-License-Identifier: Apache-2.0
//
// When each server is looked at next: on the monotonic clock, with an interval and some chance, so
// that thousands of servers are spread out and stay so. Each server is in it once at most. For one
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

namespace cotter::watch {

class Schedule {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Random = std::function<std::uint64_t()>;

  explicit Schedule(Random random) : random_(std::move(random)) {}

  // Begin puts `server` at a time within `spread` from now.
  void Begin(std::size_t server, SteadyTime now, std::chrono::milliseconds spread);

  // Again puts it one interval after `last`, its last time, give or take `jitter_percent`; what is
  // late is not made up for.
  void Again(std::size_t server, SteadyTime last, SteadyTime now, std::chrono::seconds interval,
             std::int64_t jitter_percent);

  // TakeDue is a server whose time has come, with that time.
  struct Due {
    std::size_t server;
    SteadyTime at;
  };
  [[nodiscard]] std::optional<Due> TakeDue(SteadyTime now);

  // Next is when the first one is due.
  [[nodiscard]] std::optional<SteadyTime> Next() const;

  void Clear() { queue_ = {}; }

 private:
  struct Later {
    bool operator()(const Due& a, const Due& b) const noexcept { return a.at > b.at; }
  };

  Random random_;
  std::priority_queue<Due, std::vector<Due>, Later> queue_;
};

}  // namespace cotter::watch
