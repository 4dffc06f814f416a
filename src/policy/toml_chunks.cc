// SPDX-License-Identifier: Apache-2.0
#include "policy/toml_chunks.h"

#include <algorithm>

namespace cotter::policy {
namespace {

// Scanner steps over a TOML text line by line, knowing what is text and what is structure.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<std::vector<TomlChunk>> Split() {
    std::vector<TomlChunk> chunks = {{}};
    std::size_t begin = 0;
    while (at_ < text_.size()) {
      if (depth_ == 0) {
        const std::string_view array = ArrayHeader(Line());
        if (!array.empty()) {
          chunks.back().text = text_.substr(begin, at_ - begin);
          chunks.push_back({{}, array, line_});
          begin = at_;
        }
      }
      if (!StepLine()) return std::nullopt;
    }
    if (depth_ != 0) return std::nullopt;
    chunks.back().text = text_.substr(begin);
    return chunks;
  }

 private:
  [[nodiscard]] std::string_view Line() const {
    return text_.substr(at_, text_.find('\n', at_) - at_);
  }

  // ArrayHeader is NAME where `line` is "[[NAME]]", with blanks and a comment behind it at most.
  static std::string_view ArrayHeader(std::string_view line) {
    if (!line.starts_with("[[")) return {};
    const std::size_t end = line.find("]]");
    if (end == std::string_view::npos) return {};
    const std::string_view name = line.substr(2, end - 2);
    const bool bare =
        std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
    const std::string_view rest = line.substr(end + 2);
    const std::size_t next = rest.find_first_not_of(" \t\r");
    const bool clean = next == std::string_view::npos || rest[next] == '#';
    return bare && clean ? name : std::string_view();
  }

  // StepLine goes to the next line on which structure begins. False where the text is broken.
  bool StepLine() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++at_;
        ++line_;
        return true;
      }
      if (c == '#') {
        SkipComment();
      } else if (c == '"' || c == '\'') {
        if (!SkipString(c)) return false;
      } else {
        if (c == '[' || c == '{') ++depth_;
        if ((c == ']' || c == '}') && depth_-- == 0) return false;
        ++at_;
      }
    }
    return true;
  }

  void SkipComment() { at_ = std::min(text_.find('\n', at_), text_.size()); }

  bool SkipString(char quote) {
    const std::string_view triple = quote == '"' ? R"(""")" : "'''";
    const bool lines = text_.substr(at_).starts_with(triple);
    at_ += lines ? 3 : 1;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (lines ? text_.substr(at_).starts_with(triple) : c == quote) {
        at_ += lines ? 3 : 1;
        // Up to two quotes may stand right before the closing three.
        while (lines && at_ < text_.size() && text_[at_] == quote) ++at_;
        return true;
      }
      if (c == '\n') {
        if (!lines) return false;
        ++line_;
      }
      const bool escape = c == '\\' && quote == '"';
      // An escaped line break is one that counts.
      at_ += escape && at_ + 1 < text_.size() && text_[at_ + 1] != '\n' ? 2 : 1;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 0;
  std::uint32_t depth_ = 0;
};

}  // namespace

std::optional<std::vector<TomlChunk>> SplitToml(std::string_view text) {
  return Scanner(text).Split();
}

bool HoldsOnly(Value root, std::string_view array) {
  bool only = true;
  root.EachKey([&](std::string_view key, SourcePosition) {
    const std::optional<Value> value = root.Find(key);
    only = only && (array.empty() ? value->kind() == ValueKind::kTable && key == "policy"
                                  : key == array && value->kind() == ValueKind::kArray);
  });
  return only;
}

}  // namespace cotter::policy
