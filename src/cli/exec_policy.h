// SPDX-License-Identifier: Apache-2.0
//
// The compiled policy that the processes below `cotter exec` map: one file, made once, kept in a
// folder of the user's, and named by what it was made from, so that a later start with the same
// policy only looks it up. Safe from any thread and any number of processes at once.
#pragma once

#include <string>
#include <vector>

#include <cotter/policy_index.h>
#include <cotter/result.h>

namespace cotter::cli {

// StorePolicyFile is the path of the compiled form of the policy at `path`: TOML, JSON, or
// compiled already; standard input where it is "-". A file that was stored for the same policy file
// (inode, size and times of its last changes) by the same build of cotter is taken as it is. Fails
// as ReadPolicyFile does, with kCacheInvalid, and with kFileUnreadable where no folder can be
// written.
[[nodiscard]] Result<std::string> StorePolicyFile(const std::string& path);

// StorePolicy is the path of the compiled form of `policy`.
[[nodiscard]] Result<std::string> StorePolicy(const PolicyIndex& policy);

// PolicyOfPins is a policy of words "HOST=PIN": one enforcing rule for each host. Fails with
// kUsage, kPatternInvalid and the codes of pins.
[[nodiscard]] Result<PolicyIndex> PolicyOfPins(const std::vector<std::string_view>& words);

}  // namespace cotter::cli
