// SPDX-License-Identifier: Apache-2.0
//
// PolicyUpdate brings the policy of one environment from a signed repository to a file, which
// WatchedPolicy or a command then enforces, and which RemotePolicy (<cotter/update.h>) holds in
// memory. A failure leaves the file as it was and says why; no failure loosens anything. For one
// thread; several processes may share a state directory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "update/client.h"
#include "update/policy_in_force.h"
#include <cotter/policy_index.h>
#include <cotter/result.h>
#include <cotter/time.h>
#include <cotter/update.h>

namespace cotter::update {

// PolicyUpdated is what an update came to.
struct PolicyUpdated {
  bool changed = false;
  std::string name;
  std::uint64_t version = 0;
  std::optional<std::uint64_t> before;        // the version that was in force
  std::string file;                           // where the policy is
  Time expires;                               // of the timestamp: a client that hears no more knows
  std::shared_ptr<const PolicyIndex> policy;  // compiled

  // What stands beside what was signed, and what of that was not taken and is in the way of
  // nothing.
  std::vector<EmergencyView> emergency;
  std::vector<Error> notices;
};

// UpdateRejected says where an update ended, and why (`update_rejected{step,code}`).
struct UpdateRejected {
  Step step = Step::kState;
  Error error;
  std::string remote;  // the one whose failure this is; empty where it was ours
};

class PolicyUpdate {
 public:
  // Of `options` it uses what is fetched and where it is kept; the channel is the fetcher's.
  // Where `stop` becomes true, it does not wait for other processes any longer.
  explicit PolicyUpdate(RemoteOptions options,
                        std::shared_ptr<const std::atomic<bool>> stop = nullptr)
      : options_(std::move(options)),
        stop_(std::move(stop)),
        in_force_(options_.state, options_.environment) {}

  // Load is the policy that is in force without any network: the higher version of the one in the
  // state and the one that was shipped, if it is not below the floor. Writes nothing. Fails with
  // kUpdateStateInvalid where there is none, and with what is wrong with the one that there is.
  [[nodiscard]] Result<std::shared_ptr<const PolicyIndex>> Load();

  // Run updates once. On failure it is what the last remote failed with, or the first that failed
  // for more than being out of reach. Besides what Client fails with: kWrongEnvironment,
  // kPolicyRollback for a version that is not above the highest seen, the codes of ReadPolicy and
  // PolicyIndex::Build, and kUpdateStateInvalid for a floor that cannot be read.
  [[nodiscard]] std::variant<PolicyUpdated, UpdateRejected> Run(Fetcher& fetcher, Time now);

 private:
  // Compiled is a policy that was read, with the digest of what it was read from.
  struct Compiled {
    Digest content;
    std::shared_ptr<const PolicyIndex> policy;
  };

  Result<void> Prepare();
  Result<void> TakeBase();
  Result<std::string> Base() const;
  Result<PolicyUpdated> RunOnce(const std::string& remote, Fetcher& fetcher, Time now);
  Result<PolicyUpdated> Take(const std::string& content, PolicyUpdated result);
  Result<PolicyUpdated> Enforce(const std::string& content, PolicyUpdated result);
  void Settle();
  Result<std::string> InForceNow();
  [[nodiscard]] Clocks ClocksNow() const;
  Result<std::shared_ptr<const PolicyIndex>> Compile(std::string_view content,
                                                     std::optional<Compiled>& last) const;
  Result<std::shared_ptr<const PolicyIndex>> Compile(std::string_view content) {
    return Compile(content, last_);
  }
  Result<std::uint64_t> Floor() const;
  Result<void> RaiseFloor(std::uint64_t version) const;
  [[nodiscard]] std::string PolicyFile() const { return options_.state + "/policy.json"; }
  [[nodiscard]] std::string MetadataFolder() const { return options_.state + "/metadata"; }
  [[nodiscard]] bool HasBase() const {
    return !options_.base.empty() || !options_.base_file.empty();
  }

  [[nodiscard]] std::string BaseName() const {
    return options_.base.empty() ? options_.base_file : "the shipped policy";
  }

  RemoteOptions options_;
  std::shared_ptr<const std::atomic<bool>> stop_;
  std::shared_ptr<SignatureMemo> memo_ = std::make_shared<SignatureMemo>();
  PolicyInForce in_force_;
  std::optional<Compiled> composed_;  // what was put into force last
  bool settled_ = false;              // in this run
  Time now_;                          // of this run
  bool based_ = false;                // the shipped policy was looked at
  Step step_ = Step::kState;
  std::optional<Compiled> last_;  // a poll that brings nothing new reads no policy
};

}  // namespace cotter::update
