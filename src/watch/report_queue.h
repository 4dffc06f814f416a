// SPDX-License-Identifier: Apache-2.0
//
// What an agent has still to report, and when it may try. One report of each server waits at most,
// the newest, so a collector that is away makes the queue no longer. A batch that the collector
// calls wrong is taken apart until the report that is wrong stands alone: that one is dropped, and
// told; the others arrive. For one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "watch/facts.h"

namespace cotter::watch {

// Answer is what the collector said to one envelope.
struct Answer {
  int status = 0;                                     // of HTTP; 0 where there was no answer
  std::optional<std::chrono::seconds> retry_after{};  // RFC 9110, 10.2.3
};

// ReadRetryAfter reads the field, in seconds; nullopt for everything else, dates too.
[[nodiscard]] std::optional<std::chrono::seconds> ReadRetryAfter(std::string_view value);

// A try that failed is followed by a pause between nothing and a limit, drawn by lot; the limit is
// doubled each time, between these. A collector may ask for more, up to an hour.
inline constexpr std::chrono::seconds kFirstRetry{2};
inline constexpr std::chrono::seconds kLongestRetry{300};
inline constexpr std::chrono::seconds kLongestAsked{3600};

class ReportQueue {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Random = std::function<std::uint64_t()>;

  explicit ReportQueue(Random random) : random_(std::move(random)) {}

  // Add takes a report in, in the place of an older one of the same server.
  void Add(ServerFacts facts);

  // Keep drops the reports of servers for which `is_watched` is false. A new configuration is also
  // a new try with a collector that was gone.
  void Keep(const std::function<bool(const std::string&)>& is_watched);

  // Next is the JSON of the batch that is to be sent now; nullopt where nothing waits, a batch is
  // on its way, or it is too early.
  [[nodiscard]] std::optional<std::string> Next(SteadyTime now);

  // What became of the batch.
  struct Outcome {
    bool taken = false;
    std::optional<std::string> dropped{};  // the server whose report the collector calls wrong
  };

  // Answered takes note of the answer to the batch on its way.
  Outcome Answered(const Answer& answer, SteadyTime now);

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }  // in a row
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }          // envelopes
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }    // reports

  // The collector is gone for good (410): nothing is sent until Keep.
  [[nodiscard]] bool has_stopped() const noexcept { return stopped_; }

 private:
  using Batch = std::map<std::string, ServerFacts>;

  Outcome Refused();
  void PutOff(const Answer& answer, SteadyTime now);

  Random random_;
  Batch waiting_;
  Batch sending_;
  std::deque<Batch> parts_;  // of a batch that was refused; older than what waits, so they go first
  SteadyTime due_{};
  std::uint64_t failures_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t dropped_ = 0;
  bool stopped_ = false;
};

}  // namespace cotter::watch
