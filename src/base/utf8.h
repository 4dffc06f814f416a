// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. Pure, safe
// from any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace cotter::base {

// Utf8Length is the length of the well-formed sequence at the front of `text`, 1 to 4, or 0 where
// there is none.
[[nodiscard]] std::size_t Utf8Length(std::string_view text) noexcept;

// InvalidUtf8 is where the first byte stands that is not part of a well-formed sequence; npos where
// all is.
[[nodiscard]] std::size_t InvalidUtf8(std::string_view text) noexcept;

}  // namespace cotter::base
