// SPDX-License-Identifier: Apache-2.0
//
// Just enough of the lexis of Kotlin, Java, Go and their kin to find literals in calls and maps:
// comments are skipped, strings are taken apart, constants are looked up. Nothing is evaluated, so
// what is made at run time is not known. Linear in the text; pure; tokens borrow from it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/source_text.h"

namespace cotter::formats {

// Token is a name, a string literal, or one other character.
struct Token {
  enum class Kind : std::uint8_t { kName, kString, kMark };

  Kind kind = Kind::kMark;
  std::string text;         // of a string, unescaped
  bool is_dynamic = false;  // of a string: a template such as "$x" that cannot be looked up
  std::size_t offset = 0;

  [[nodiscard]] bool Is(std::string_view mark) const noexcept {
    return kind != Kind::kString && text == mark;
  }
};

// SourceCode is a text as tokens.
class SourceCode {
 public:
  // Fails with kFormatMalformed where a string or comment does not end.
  [[nodiscard]] static Result<SourceCode> Read(const SourceText& source);

  [[nodiscard]] const std::vector<Token>& tokens() const noexcept { return tokens_; }

  // Text is what the tokens from `begin` up to `end` say as one string: literals and names of
  // string constants joined by "+". nullopt where it is made at run time.
  [[nodiscard]] std::optional<std::string> Text(std::size_t begin, std::size_t end) const;

 private:
  void FindConstants();
  [[nodiscard]] std::optional<std::string> Resolve(const Token& token) const;

  std::vector<Token> tokens_;
  std::unordered_map<std::string, std::string> constants_;
};

}  // namespace cotter::formats
