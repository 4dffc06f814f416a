// SPDX-License-Identifier: Apache-2.0
//
// The path patterns of delegations (TUF 4.5): shell wildcards that never match a "/". Pure, safe
// from any thread.
#pragma once

#include <string_view>

namespace cotter::update {

// PathMatches reports whether `pattern` covers `path`: both are taken apart at "/" and have the
// same number of parts, and each part matches with "*", "?", "[abc]", "[a-z]" and "[!abc]" as
// Python's fnmatch has them. Its time grows with the product of both lengths at worst.
[[nodiscard]] bool PathMatches(std::string_view pattern, std::string_view path) noexcept;

}  // namespace cotter::update
