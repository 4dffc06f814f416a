// SPDX-License-Identifier: Apache-2.0
//
// A policy written as the TOML that people keep: for what imports and other tools make. Comments
// and order of an existing file are not its business. Pure, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <cotter/policy.h>

namespace cotter::policy {

// PolicyComments is what to write beside the policy, as lines without "#". Control characters in
// them are written as '?'.
struct PolicyComments {
  std::vector<std::string> head{};                // at the top of the file
  std::vector<std::vector<std::string>> hosts{};  // above each [[host]]; may be shorter than hosts
};

// WritePolicy is the TOML text of `policy`. Defaults are left out, and ReadPolicy of the text gives
// the same policy but for the rules' lines. Byte for byte the same for the same arguments.
[[nodiscard]] std::string WritePolicy(const Policy& policy, const PolicyComments& comments = {});

// TomlString is `text` as a TOML basic string with its quotes. Bytes that are not UTF-8 become
// U+FFFD.
[[nodiscard]] std::string TomlString(std::string_view text);

}  // namespace cotter::policy
