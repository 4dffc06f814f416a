// SPDX-License-Identifier: Apache-2.0
#include "formats/source_code.h"

#include <utility>

namespace cotter::formats {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Lexer makes tokens; each step moves forward.
class Lexer {
 public:
  explicit Lexer(const SourceText& source) : source_(source), text_(source.text()) {}

  Result<std::vector<Token>> Run() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      const char c = rest.front();
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        ++at_;
      } else if (rest.starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (rest.starts_with("/*")) {
        if (!Skip("*/", 2)) return Fail("a comment does not end");
      } else if (rest.starts_with("\"\"\"")) {
        if (!RawString("\"\"\"")) return Fail("a string does not end");
      } else if (c == '`') {
        if (!RawString("`")) return Fail("a string does not end");
      } else if (c == '"' || c == '\'') {
        if (!String(c)) return Fail("a string does not end on its line");
      } else {
        Other(c);
      }
    }
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] Error Fail(const std::string& what) const {
    return source_.Fail(at_, Code::kFormatMalformed, what);
  }

  bool Skip(std::string_view end, std::size_t from) {
    const std::size_t found = text_.find(end, at_ + from);
    if (found == std::string_view::npos) return false;
    at_ = found + end.size();
    return true;
  }

  bool RawString(std::string_view quote) {
    const std::size_t begin = at_ + quote.size();
    const std::size_t end = text_.find(quote, begin);
    if (end == std::string_view::npos) return false;
    Push(Token::Kind::kString, std::string(text_.substr(begin, end - begin)));
    tokens_.back().is_dynamic = quote != "`" && tokens_.back().text.find('$') != std::string::npos;
    at_ = end + quote.size();
    return true;
  }

  bool String(char quote) {
    Token token{.kind = Token::Kind::kString, .text = {}, .offset = at_};
    std::size_t at = at_ + 1;
    for (; at < text_.size() && text_[at] != quote && text_[at] != '\n'; ++at) {
      if (text_[at] == '\\' && at + 1 < text_.size()) {
        ++at;
        if (text_[at] == '(') token.is_dynamic = true;  // Swift's "\(x)"
      } else if (text_[at] == '$') {
        token.is_dynamic = true;
      }
      token.text += text_[at];
    }
    if (at >= text_.size() || text_[at] != quote) return false;
    at_ = at + 1;
    tokens_.push_back(std::move(token));
    return true;
  }

  void Other(char c) {
    if (!IsNameCharacter(c)) {
      Push(Token::Kind::kMark, std::string(1, c));
      ++at_;
      return;
    }
    std::size_t end = at_;
    while (end < text_.size() && IsNameCharacter(text_[end])) ++end;
    Push(Token::Kind::kName, std::string(text_.substr(at_, end - at_)));
    at_ = end;
  }

  void Push(Token::Kind kind, std::string text) {
    tokens_.push_back({.kind = kind, .text = std::move(text), .offset = at_});
  }

  const SourceText& source_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Result<SourceCode> SourceCode::Read(const SourceText& source) {
  Result<std::vector<Token>> tokens = Lexer(source).Run();
  if (!tokens) return tokens.error();
  SourceCode code;
  code.tokens_ = *std::move(tokens);
  code.FindConstants();
  return code;
}

// FindConstants takes `NAME = "text"` (and `NAME: String = "text"`) for a constant, unless the name
// gets two texts.
void SourceCode::FindConstants() {
  for (std::size_t i = 0; i + 2 < tokens_.size(); ++i) {
    if (tokens_[i].kind != Token::Kind::kName) continue;
    std::size_t equals = i + 1;
    if (tokens_[equals].Is(":") && equals + 2 < tokens_.size()) equals += 2;
    if (!tokens_[equals].Is("=") || equals + 1 >= tokens_.size()) continue;
    const Token& value = tokens_[equals + 1];
    if (value.kind != Token::Kind::kString || value.is_dynamic) continue;
    const auto [known, is_new] = constants_.emplace(tokens_[i].text, value.text);
    if (!is_new && known->second != value.text) known->second.clear();
  }
}

std::optional<std::string> SourceCode::Resolve(const Token& token) const {
  const auto constant = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = constants_.find(name);
    if (found == constants_.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
  if (token.kind == Token::Kind::kName) return constant(token.text);
  if (token.kind != Token::Kind::kString) return std::nullopt;
  if (!token.is_dynamic) return token.text;
  // "sha256/$pin" and "sha256/${pin}"
  const std::size_t dollar = token.text.find('$');
  if (dollar == std::string::npos) return std::nullopt;
  std::string name = token.text.substr(dollar + 1);
  if (name.starts_with('{') && name.ends_with('}')) name = name.substr(1, name.size() - 2);
  std::optional<std::string> value = constant(name);
  if (value) value->insert(0, token.text.substr(0, dollar));
  return value;
}

std::optional<std::string> SourceCode::Text(std::size_t begin, std::size_t end) const {
  // The last name of a path such as Pins.PRIMARY is the constant's.
  while (begin + 2 < end && tokens_[begin].kind == Token::Kind::kName &&
         tokens_[begin + 1].Is(".")) {
    begin += 2;
  }
  std::string text;
  for (std::size_t i = begin; i < end; i += 2) {
    const std::optional<std::string> part = Resolve(tokens_[i]);
    if (!part || (i + 1 < end && !tokens_[i + 1].Is("+"))) return std::nullopt;
    text += *part;
  }
  if (begin >= end) return std::nullopt;
  return text;
}

}  // namespace cotter::formats
