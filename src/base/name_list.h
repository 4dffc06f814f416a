// SPDX-License-Identifier: Apache-2.0
//
// Many names in one line for people. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace cotter::base {

// NameList is the first `most` of `names` with commas between, and an ellipsis where there are
// more.
[[nodiscard]] std::string NameList(std::span<const std::string> names, std::size_t most);

}  // namespace cotter::base
