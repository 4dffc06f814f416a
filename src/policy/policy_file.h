// SPDX-License-Identifier: Apache-2.0
//
// The policy file that people write, TOML, read into the model. docs/policy.md is its reference.
// Safe from any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::policy {

// A file of kMaxPolicyRules rules with five pins each is about 60 MB.
inline constexpr std::size_t kMaxPolicyFileSize = std::size_t{64} << 20;

// ReadPolicy reads the TOML text of a policy. `file` is its name in errors, which begin
// "file:line:column: " and name the key, what was expected and, for an unknown key, the nearest
// known one. Unknown keys, values of another type and values out of range are errors
// (kPolicyInvalid, kPolicyUnknownKey, kPin..., kPatternInvalid, kTimeInvalid, kPolicyTooLarge).
// What rules mean together is checked by PolicyIndex::Build. International names are mapped by
// base::Idna(). Allocates.
[[nodiscard]] Result<Policy> ReadPolicy(std::string_view text, std::string_view file);

}  // namespace cotter::policy
