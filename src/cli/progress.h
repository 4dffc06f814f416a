// SPDX-License-Identifier: Apache-2.0
//
// A line at the bottom of the terminal that says how far a long command has come, how fast, and
// how long it will take. On standard error, and only where that is a terminal; elsewhere nothing is
// written. For one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace cotter::cli {

// ProgressText is the line for `done` of `all` after `took`, without what moves the cursor:
// "[####....] 120/400, 30/s, 9 s left". Pure.
[[nodiscard]] std::string ProgressText(std::size_t done, std::size_t all,
                                       std::chrono::milliseconds took);

class Progress {
 public:
  // `what` is done `all` times, from now on.
  explicit Progress(std::size_t all);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { Clear(); }

  // Show draws the line anew, a few times a second at most.
  void Show(std::size_t done);

  // Clear takes the line away: before anything else is written to the same terminal.
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::size_t all_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point drawn_at_{};
  bool shown_ = false;
  bool enabled_;
};

}  // namespace cotter::cli
