// SPDX-License-Identifier: Apache-2.0
//
// Text from outside, made harmless before a terminal sees it: names in certificates, file names and
// server banners can hold escape sequences, line breaks and characters that reverse the line. Pure,
// safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace cotter::cli {

// What may stay in a text.
enum class LineBreaks {
  kEscape,  // the text is one field: a line break in it would forge a line
  kKeep,    // the text is lines of our own making, maybe with tabs, around fields that are safe
            // already
};

// AppendSafe appends `text` to `out`. Printable UTF-8 stays. Control characters (C0, DEL, C1), line
// and paragraph separators, characters that change the direction of text, and bytes that are not
// UTF-8 come out as \n, \t, \r, \xHH or \u{HEX}; a backslash stays as it is.
void AppendSafe(std::string& out, std::string_view text, LineBreaks breaks = LineBreaks::kEscape);

// SafeText is AppendSafe into a new string.
[[nodiscard]] std::string SafeText(std::string_view text);

// AppendSafeJson appends `json`, which is serialized JSON, with the characters that AppendSafe
// escapes as \uXXXX, and bytes that are not UTF-8 as \ufffd, so that it is ASCII-safe JSON with the
// same meaning.
void AppendSafeJson(std::string& out, std::string_view json);

}  // namespace cotter::cli
