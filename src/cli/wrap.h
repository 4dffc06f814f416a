// SPDX-License-Identifier: Apache-2.0
//
// Breaking text into lines for a terminal. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cotter::cli {

// AppendWrapped appends `text` and a line break, broken between words so that lines stay within 80
// columns where words allow. Every line but the first begins with `indent` spaces; `column` is how
// long the line that `out` ends with is already.
void AppendWrapped(std::string& out, std::string_view text, std::size_t indent, std::size_t column);

}  // namespace cotter::cli
