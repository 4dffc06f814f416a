// SPDX-License-Identifier: Apache-2.0
//
// The lines at the head of every export that say which policy it was made from, and reading them
// back. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/policy.h>

namespace cotter::formats {

// Provenance is which policy an export was made from.
struct Provenance {
  std::string name;
  std::uint64_t version = 0;
  std::string environment;
};

// ProvenanceLines is the lines for a comment, without comment marks, line breaks, "--" or "*/",
// whatever the policy is called.
[[nodiscard]] std::vector<std::string> ProvenanceLines(const Policy& policy,
                                                       std::string_view digest,
                                                       std::string_view format);

// ReadProvenance finds those lines in the first 4 KiB of `text`; nullopt where they are not.
[[nodiscard]] std::optional<Provenance> ReadProvenance(std::string_view text);

}  // namespace cotter::formats
