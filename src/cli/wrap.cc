// SPDX-License-Identifier: Apache-2.0
#include "cli/wrap.h"

#include <algorithm>

namespace cotter::cli {
namespace {

// Width is how many characters of UTF-8 `word` holds.
std::size_t Width(std::string_view word) {
  return static_cast<std::size_t>(std::count_if(word.begin(), word.end(), [](char c) {
    return (static_cast<unsigned>(c) & 0xc0U) != 0x80U;
  }));
}

}  // namespace

void AppendWrapped(std::string& out, std::string_view text, std::size_t indent,
                   std::size_t column) {
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!first && column + 1 + Width(word) > kTextWidth) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += Width(word);
    first = false;
  }
  out += '\n';
}

void AppendFor(Medium medium, std::string& out, std::string_view text, std::size_t indent,
               std::size_t column) {
  if (medium == Medium::kTerminal) return AppendWrapped(out, text, indent, column);
  out.append(text).append("\n");
}

}  // namespace cotter::cli
