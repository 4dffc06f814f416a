// SPDX-License-Identifier: Apache-2.0
//
// The policy that a command is given, read and judged as a whole. Safe from any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/policy.h>
#include <cotter/policy_index.h>
#include <cotter/result.h>

namespace cotter::cli {

// LoadedPolicy is the model, and what was compiled of it.
struct LoadedPolicy {
  Policy policy;
  PolicyIndex index;
};

// AboutPolicy is `error`, what is wrong with `policy` as a whole, with the file and the line of the
// rule that it is about.
[[nodiscard]] Error AboutPolicy(const Error& error, const Policy& policy, const std::string& path);

// LoadPolicy reads the TOML or JSON at `path`, standard input where it is "-". Fails with what is
// wrong in it, by file and line, and with kPolicyInvalid for a compiled policy, which has no model.
[[nodiscard]] Result<LoadedPolicy> LoadPolicy(const std::string& path);

// OpenPolicy reads the policy at `path` in any form: TOML, JSON, or compiled. Fails as LoadPolicy,
// and with kCacheInvalid for a compiled policy that is damaged.
[[nodiscard]] Result<PolicyIndex> OpenPolicy(const std::string& path);

// PolicyOfPins is a policy of one rule: `pins` for `host` alone, without pins PKI alone. Fails
// where there are too many.
[[nodiscard]] Result<LoadedPolicy> PolicyOfPins(std::span<const Digest> pins, const HostName& host);

// TargetsOf is the host of `rule`, which names one exactly, on each of its ports.
[[nodiscard]] std::vector<std::string> TargetsOf(const HostRule& rule);

}  // namespace cotter::cli
