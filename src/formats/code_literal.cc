// SPDX-License-Identifier: Apache-2.0
#include "formats/code_literal.h"

#include <optional>
#include <string>
#include <utility>

namespace cotter::formats {
namespace {

class LiteralReader {
 public:
  LiteralReader(const SourceCode& code, std::size_t at)
      : code_(code), tokens_(code.tokens()), at_(at) {}

  [[nodiscard]] std::size_t at() const noexcept { return at_; }

  PlistValue Value(std::size_t depth) {
    if (IsMark("@")) ++at_;  // Objective-C
    if (IsMark("{")) return Members(depth, "}");
    if (IsMark("[")) return Members(depth, "]");
    PlistValue value;
    const std::size_t begin = at_;
    SkipTo(Ends::kValue);
    const std::size_t end = WithoutCast(begin, at_);
    if (end == begin + 1 && IsBoolean(tokens_[begin], value)) return value;
    // @(YES)
    if (end == begin + 3 && IsBoolean(tokens_[begin + 1], value)) return value;
    if (std::optional<std::string> text = TextOf(begin, end)) {
      value.kind = PlistValue::Kind::kString;
      value.text = *std::move(text);
    }
    return value;
  }

 private:
  // What ends a word: a comma or a closing bracket, and of a key its colon too.
  enum class Ends { kKey, kValue };

  [[nodiscard]] bool IsMark(std::string_view mark) const noexcept {
    return at_ < tokens_.size() && tokens_[at_].Is(mark);
  }

  static bool IsBoolean(const Token& token, PlistValue& value) {
    const bool yes = token.Is("true") || token.Is("YES");
    if (!yes && !token.Is("false") && !token.Is("NO")) return false;
    value.kind = PlistValue::Kind::kBoolean;
    value.boolean = yes;
    return true;
  }

  // SkipTo leaves `at_` at what ends the word, over brackets and what they hold.
  void SkipTo(Ends ends) {
    std::size_t open = 0;
    for (; at_ < tokens_.size(); ++at_) {
      const Token& token = tokens_[at_];
      if (token.Is("(") || token.Is("[") || token.Is("{")) {
        ++open;
      } else if (token.Is(")") || token.Is("]") || token.Is("}")) {
        if (open == 0) return;
        --open;
      } else if (open == 0 &&
                 (token.Is(",") || token.Is(";") || (ends == Ends::kKey && token.Is(":")))) {
        return;
      }
    }
  }

  // WithoutCast ends before a cast ("x" as NSString), which changes nothing.
  [[nodiscard]] std::size_t WithoutCast(std::size_t begin, std::size_t end) const {
    for (std::size_t i = begin; i < end; ++i) {
      if (tokens_[i].Is("as")) return i;
    }
    return end;
  }

  // TextOf is a string, or the key that a constant of TrustKit stands for.
  [[nodiscard]] std::optional<std::string> TextOf(std::size_t begin, std::size_t end) const {
    if (begin < end && tokens_[begin].Is("@")) ++begin;
    if (begin >= end) return std::nullopt;
    const Token& last = tokens_[end - 1];
    if (last.kind == Token::Kind::kName && last.text.starts_with("kTSK"))
      return last.text.substr(1);
    return code_.Text(begin, end);
  }

  // Members reads up to `close` what is a dictionary where its first word has a colon behind it.
  PlistValue Members(std::size_t depth, std::string_view close) {
    PlistValue value;
    const std::size_t open = at_++;
    if (depth == kMaxPlistDepth) {
      at_ = open;
      SkipTo(Ends::kValue);
      return value;
    }
    value.kind = close == "}" ? PlistValue::Kind::kDictionary : PlistValue::Kind::kArray;
    while (at_ < tokens_.size() && !tokens_[at_].Is(close)) {
      const std::size_t begin = at_;
      SkipTo(Ends::kKey);
      if (IsMark(":")) {
        value.kind = PlistValue::Kind::kDictionary;
        const std::size_t end = at_++;
        if (end == begin && IsMark(close)) break;  // [:]
        value.members.emplace_back(TextOf(begin, end).value_or(""), Value(depth + 1));
      } else {
        at_ = begin;
        value.items.push_back(Value(depth + 1));
      }
      SkipTo(Ends::kValue);
      if (!IsMark(",")) break;
      ++at_;
    }
    if (IsMark(close)) ++at_;
    return value;
  }

  const SourceCode& code_;
  const std::vector<Token>& tokens_;
  std::size_t at_;
};

}  // namespace

PlistValue ReadLiteral(const SourceCode& code, std::size_t& at) {
  LiteralReader reader(code, at);
  PlistValue value = reader.Value(0);
  at = reader.at();
  return value;
}

}  // namespace cotter::formats
