// SPDX-License-Identifier: Apache-2.0
//
// Breaking text into lines for a terminal. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cotter::cli {

inline constexpr std::size_t kTextWidth = 80;  // columns, of a terminal as it opens

// AppendWrapped appends `text` and a line break, broken between words so that lines stay within
// kTextWidth columns where words allow. Every line but the first begins with `indent` spaces;
// `column` is how long the line that `out` ends with is already.
void AppendWrapped(std::string& out, std::string_view text, std::size_t indent, std::size_t column);

// Who reads the text.
enum class Medium {
  kFile,      // a script or a pager: one line stays one line
  kTerminal,  // a person: no word is broken at the edge
};

// AppendFor is AppendWrapped for a terminal; elsewhere it appends `text` and a line break as it is.
void AppendFor(Medium medium, std::string& out, std::string_view text, std::size_t indent,
               std::size_t column);

}  // namespace cotter::cli
