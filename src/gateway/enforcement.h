// SPDX-License-Identifier: Apache-2.0
//
// The policy and the trust of a configuration, and the enforcer over both. Safe from any thread.
#pragma once

#include <functional>
#include <memory>

#include "gateway/config.h"
#include <cotter/openssl.h>
#include <cotter/policy_file_source.h>
#include <cotter/report.h>
#include <cotter/result.h>

namespace cotter::gateway {

// FollowPolicy reads the policy file and follows it. `failed` is told, on a thread of the policy's
// own, why a later version could not be used. Fails with what is wrong in the file.
[[nodiscard]] Result<std::shared_ptr<WatchedPolicy>> FollowPolicy(
    const GatewayConfig& config, std::function<void(const Error&)> failed);

// MakeEnforcer reads the trusted certificates, and makes an enforcer whose violations are logged,
// and told to `counters`.
[[nodiscard]] Result<tls::Enforcer> MakeEnforcer(const GatewayConfig& config,
                                                 const std::shared_ptr<PolicySource>& policy,
                                                 std::shared_ptr<report::Counters> counters);

// CheckRules reads the policy and the trusted certificates once. Fails with what is wrong in them.
[[nodiscard]] Result<void> CheckRules(const GatewayConfig& config);

}  // namespace cotter::gateway
