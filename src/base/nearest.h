// SPDX-License-Identifier: Apache-2.0
//
// The nearest known word to one that is not known, for hints. Pure, safe from any thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace cotter::base {

// Nearest is the word of `known` with the fewest edits to `word`, a swap of neighbours being one;
// nullopt where more than a third of the word, and more than one letter, would have to change. Of
// equals, the first.
[[nodiscard]] std::optional<std::string_view> Nearest(std::string_view word,
                                                      std::span<const std::string_view> known);

}  // namespace cotter::base
