// SPDX-License-Identifier: Apache-2.0
//
// The policy file that people write, TOML, and the one that machines sign, JSON of the same model,
// read into it. docs/policy.md is the reference. Safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/table_reader.h"
#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::policy {

// A TOML file of kMaxPolicyRules rules with five pins each is about 60 MB.
inline constexpr std::size_t kMaxPolicyFileSize = std::size_t{64} << 20;

// What clients fetch and hold in memory.
inline constexpr std::size_t kMaxPolicyJsonSize = std::size_t{8} << 20;

// ReadPolicy reads the text of a policy: JSON where its first character is "{", which no TOML
// begins with, TOML otherwise. `file` is its name in errors, which begin "file:line:column: " and
// name the key, what was expected and, for an unknown key, the nearest known one. Unknown keys,
// values of another type and values out of range are errors (kPolicySyntax, kPolicyInvalid,
// kPolicyUnknownKey, kPin..., kPatternInvalid, kPortInvalid, kTimeInvalid, kPolicyTooLarge). Pin
// sets are resolved. What rules mean together is checked by PolicyIndex::Build. International
// names are mapped by base::Idna(). Allocates.
[[nodiscard]] Result<Policy> ReadPolicy(std::string_view text, std::string_view file);

// LenientPolicy is what could be understood of a policy, and what was wrong with the rest.
struct LenientPolicy {
  Policy policy;
  std::vector<ReadIssue> issues;
};

// ReadPolicyLeniently reads as ReadPolicy does, but goes on behind an error and leaves out what has
// it: for lint, which tells all of them. Never a policy to decide by. Fails with kPolicySyntax and
// kPolicyTooLarge alone.
[[nodiscard]] Result<LenientPolicy> ReadPolicyLeniently(std::string_view text,
                                                        std::string_view file);

// RequireEnvironment refuses a policy that is not for the client's environment: kWrongEnvironment.
// A policy that names none is refused too.
[[nodiscard]] Result<void> RequireEnvironment(const Policy& policy, std::string_view environment);

// PolicyKeys is every key of the language, in the order in which the reader asks for them. For
// tests that hold the reference page against it.
[[nodiscard]] std::vector<PolicyKey> PolicyKeys();

}  // namespace cotter::policy
