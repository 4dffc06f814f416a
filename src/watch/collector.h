// SPDX-License-Identifier: Apache-2.0
//
// Takes what agents report: an envelope counts when its agent is known, its signature is the
// agent's, it is neither old nor from the future, and its number is higher than every one before.
// An agent observes; it decides nothing alone (see judge.h). For one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "watch/config.h"
#include "watch/facts.h"
#include "watch/observation.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::watch {

class Collector {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  // Agent is one vantage point.
  struct Agent {
    CheckingKey key;
    std::chrono::seconds interval{60};
    std::uint64_t sequence = 0;  // the highest that was taken
    SteadyTime heard{};          // when, or when it was first expected
    Time heard_at;               // by the wall clock; 0: never
    std::uint64_t reports = 0;
    std::map<std::string, std::uint64_t> refused;  // by code
  };

  // Configure reads the keys of `vantages`; agents that were known keep what is known of them.
  // Fails with what is wrong with a key, and changes nothing then.
  [[nodiscard]] Result<void> Configure(const std::vector<VantageConfig>& vantages, SteadyTime now);

  // Restore puts back the highest number taken from `name`.
  void Restore(const std::string& name, std::uint64_t sequence);

  // Taken is an envelope that counts.
  struct Taken {
    std::string name;
    std::uint64_t sequence = 0;
    std::vector<ServerFacts> reports;
  };

  // Refusal is why one does not, as an HTTP status and a text.
  struct Refusal {
    int status = 400;
    std::string why;
  };

  // Take opens an envelope. Its number is used up when it counts.
  [[nodiscard]] std::optional<Taken> Take(std::string_view envelope, SteadyTime now, Time wall,
                                          Refusal& refusal);

  // IsStale reports that `agent` has been silent for three of its intervals.
  [[nodiscard]] static bool IsStale(const Agent& agent, SteadyTime now) noexcept;

  [[nodiscard]] const std::map<std::string, Agent, std::less<>>& agents() const noexcept {
    return agents_;
  }

 private:
  std::map<std::string, Agent, std::less<>> agents_;
  std::map<std::string, std::uint64_t, std::less<>> restored_;
};

}  // namespace cotter::watch
