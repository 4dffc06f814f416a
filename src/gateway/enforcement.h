// SPDX-License-Identifier: Apache-2.0
//
// The policy and the trust of a configuration, and the enforcer over both. Safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config.h"
#include "gateway/context.h"
#include <cotter/policy_file_source.h>
#include <cotter/policy_index.h>
#include <cotter/report.h>
#include <cotter/result.h>
#include <cotter/update.h>

namespace cotter::gateway {

// Followed is where the policy in force comes from: a file, or a signed repository.
struct Followed {
  std::shared_ptr<PolicySource> source;
  std::shared_ptr<WatchedPolicy> file;           // the same, or null
  std::shared_ptr<update::RemotePolicy> remote;  // the same, or null
};

// Failed is told, on a thread of the policy's own, why a later version could not be used; `step` is
// that of the update, empty for a file.
using Failed = std::function<void(const std::string& step, const Error& error)>;

// FollowPolicy begins to follow `remote`, or where that is none the policy file. Fails with what is
// wrong in the file, and as RemotePolicy::Open.
[[nodiscard]] Result<Followed> FollowPolicy(const GatewayConfig& config,
                                            std::optional<update::RemoteOptions> remote,
                                            Failed failed);

// Enforce reads the trusted certificates, and makes an enforcer whose violations are logged, and
// told to `counters`.
[[nodiscard]] Result<std::shared_ptr<const Enforcement>> Enforce(
    const GatewayConfig& config, const std::shared_ptr<PolicySource>& policy,
    std::shared_ptr<report::Counters> counters);

// UnpinnedUpstreams are the upstreams, each once, that no rule of `policy` is for: whoever wrote a
// name wrong should not take a connection for a pinned one.
[[nodiscard]] std::vector<std::string> UnpinnedUpstreams(const GatewayConfig& config,
                                                         const PolicyIndex& policy);

// CheckRules reads the policy, where there is one, and the trusted certificates once. Fails with
// what is wrong in them.
[[nodiscard]] Result<void> CheckRules(const GatewayConfig& config);

}  // namespace cotter::gateway
