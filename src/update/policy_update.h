// SPDX-License-Identifier: Apache-2.0
//
// PolicyUpdate brings the policy of one environment from a signed repository to a file, which
// WatchedPolicy or a command then enforces. A failure leaves the file as it was and says why; no
// failure loosens anything. For one thread; several processes may share a state directory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "update/client.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::update {

struct PolicyUpdateOptions {
  // Where the repository stands: each is a base URL with metadata/ and targets/ below it. They are
  // tried in order, and whichever is in order and newest to this client serves.
  std::vector<std::string> remotes;

  // What this client is: it takes ENVIRONMENT/policy.json, and no policy of another environment.
  std::string environment = "production";

  // Holds metadata/, policy.json and floor. Made where it is not there.
  std::string state;

  // A root that came with the program, for the first run; may be empty later.
  std::string root;

  // A policy that came with the program (S0-12), in force until a signed one is there; may be
  // empty.
  std::string base_policy;

  // A file outside of the state that keeps the highest version seen, so that deleting the state
  // does not make this client forget it; may be empty.
  std::string floor;
};

// PolicyUpdated is what an update came to.
struct PolicyUpdated {
  bool changed = false;
  std::string name;
  std::uint64_t version = 0;
  std::optional<std::uint64_t> before;  // the version that was in force
  std::string file;                     // where the policy is
  Time expires;                         // of the timestamp: a client that hears no more then knows
};

// UpdateRejected says where an update ended, and why (`update_rejected{step,code}`).
struct UpdateRejected {
  Step step = Step::kState;
  Error error;
  std::string remote;  // the one whose failure this is; empty where it was ours
};

class PolicyUpdate {
 public:
  explicit PolicyUpdate(PolicyUpdateOptions options) : options_(std::move(options)) {}

  // Run updates once. On failure it is what the last remote failed with, or the first that failed
  // for more than being out of reach. Besides what Client fails with: kWrongEnvironment,
  // kPolicyRollback for a version that is not above the highest seen, the codes of ReadPolicy and
  // PolicyIndex::Build, and kUpdateStateInvalid for a floor that cannot be read.
  [[nodiscard]] std::variant<PolicyUpdated, UpdateRejected> Run(Fetcher& fetcher, Time now);

 private:
  Result<void> Prepare();
  Result<void> TakeBase();
  Result<PolicyUpdated> RunOnce(const std::string& remote, Fetcher& fetcher, Time now);
  Result<PolicyUpdated> Take(const std::string& content, PolicyUpdated result);
  Result<std::uint64_t> Floor() const;
  Result<void> RaiseFloor(std::uint64_t version) const;
  [[nodiscard]] std::string PolicyFile() const { return options_.state + "/policy.json"; }
  [[nodiscard]] std::string MetadataFolder() const { return options_.state + "/metadata"; }

  PolicyUpdateOptions options_;
  Step step_ = Step::kState;
};

// NextPoll is how long to wait for the next update: six hours, half more or less by `random` (any
// number), so that a fleet does not come at once; sooner where the timestamp ends before that;
// after `failures` in a row, first a minute and then twice as long each time.
[[nodiscard]] std::int64_t NextPollSeconds(Time now, Time expires, unsigned failures,
                                           std::uint32_t random) noexcept;

}  // namespace cotter::update
