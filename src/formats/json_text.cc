// SPDX-License-Identifier: Apache-2.0
#include "formats/json_text.h"

#include <array>
#include <optional>
#include <unordered_set>

#include "base/utf8.h"

namespace cotter::formats {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(std::string& out, std::uint32_t point) {
  const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xC0 | (point >> 6));
  } else if (point < 0x10000) {
    add(0xE0 | (point >> 12));
    add(0x80 | ((point >> 6) & 0x3F));
  } else {
    add(0xF0 | (point >> 18));
    add(0x80 | ((point >> 12) & 0x3F));
    add(0x80 | ((point >> 6) & 0x3F));
  }
  add(0x80 | (point & 0x3F));
}

// Parser is recursive descent, at most kMaxJsonDepth deep. Each function returns false after it
// recorded an error.
class Parser {
 public:
  Parser(const SourceText& source, JsonComments comments, std::size_t begin)
      : source_(source), text_(source.text()), comments_(comments), at_(begin) {}

  bool Value(JsonValue& value, std::size_t depth) {
    Space();
    value.offset = at_;
    if (at_ >= text_.size()) return Fail("expected a value, found the end");
    switch (text_[at_]) {
      case '{':
        return depth < kMaxJsonDepth ? Object(value, depth) : Fail(TooDeep());
      case '[':
        return depth < kMaxJsonDepth ? Array(value, depth) : Fail(TooDeep());
      case '"':
        value.kind = JsonValue::Kind::kString;
        return String(value.text);
      default:
        return Word(value) || Number(value);
    }
  }

  void Space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        ++at_;
      } else if (comments_ == JsonComments::kSkip && text_.substr(at_).starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  bool Fail(const std::string& what) {
    if (!error_) error_ = source_.Fail(std::min(at_, text_.size()), Code::kFormatMalformed, what);
    return false;
  }

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  static std::string TooDeep() {
    return "values are nested more than " + std::to_string(kMaxJsonDepth) + " deep";
  }

  bool Take(char c) {
    Space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool Object(JsonValue& value, std::size_t depth) {
    value.kind = JsonValue::Kind::kObject;
    ++at_;
    if (Take('}')) return true;
    std::unordered_set<std::string> seen;
    do {
      Space();
      if (at_ >= text_.size() || text_[at_] != '"') return Fail("expected a key in quotes");
      const std::size_t key_at = at_;
      std::string key;
      if (!String(key)) return false;
      if (!seen.insert(key).second) {
        at_ = key_at;
        return Fail("the key " + Quoted(key) + " stands here twice");
      }
      if (!Take(':')) return Fail("expected ':'");
      JsonValue& member = value.members.emplace_back(std::move(key), JsonValue{}).second;
      if (!Value(member, depth + 1)) return false;
    } while (Take(','));
    return Take('}') || Fail("expected ',' or '}'");
  }

  bool Array(JsonValue& value, std::size_t depth) {
    value.kind = JsonValue::Kind::kArray;
    ++at_;
    if (Take(']')) return true;
    do {
      if (!Value(value.items.emplace_back(), depth + 1)) return false;
    } while (Take(','));
    return Take(']') || Fail("expected ',' or ']'");
  }

  bool Word(JsonValue& value) {
    const std::string_view rest = text_.substr(at_);
    const auto word = [&](std::string_view name, JsonValue::Kind kind, bool truth) {
      if (!rest.starts_with(name)) return false;
      value.kind = kind;
      value.boolean = truth;
      at_ += name.size();
      return true;
    };
    return word("true", JsonValue::Kind::kBoolean, true) ||
           word("false", JsonValue::Kind::kBoolean, false) ||
           word("null", JsonValue::Kind::kNull, false);
  }

  bool Number(JsonValue& value) {
    std::size_t end = at_;
    const auto digits = [&] {
      const std::size_t begin = end;
      while (end < text_.size() && IsDigit(text_[end])) ++end;
      return end - begin;
    };
    if (end < text_.size() && text_[end] == '-') ++end;
    const std::size_t first = end;
    const std::size_t whole = digits();
    bool sound = whole == 1 || (whole > 1 && text_[first] != '0');
    if (sound && end < text_.size() && text_[end] == '.') {
      ++end;
      sound = digits() > 0;
    }
    if (sound && end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      ++end;
      if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
      sound = digits() > 0;
    }
    if (!sound) return Fail("expected a value");
    value.kind = JsonValue::Kind::kNumber;
    value.text = text_.substr(at_, end - at_);
    at_ = end;
    return true;
  }

  bool String(std::string& out) {
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) break;
      if (c != '\\') {
        out += c;
      } else if (!Escape(out)) {
        return false;
      }
    }
    return Fail("a string does not end on its line");
  }

  // Escape reads what stands behind a backslash; at_ is left on its last character.
  bool Escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (++at_ >= text_.size()) return Fail("a string does not end");
    const std::size_t name = kNames.find(text_[at_]);
    if (name != std::string_view::npos) {
      out += kValues[name];
      return true;
    }
    std::uint32_t point = 0;
    if (text_[at_] != 'u' || !Hex(point)) return Fail("expected an escape such as \\n or \\u0020");
    if (point >= 0xD800 && point < 0xDC00 && text_.substr(at_ + 1).starts_with("\\u")) {
      at_ += 2;
      std::uint32_t low = 0;
      if (!Hex(low) || low < 0xDC00 || low > 0xDFFF) return Fail("half of a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    if (point >= 0xD800 && point < 0xE000) return Fail("half of a surrogate pair");
    AppendUtf8(out, point);
    return true;
  }

  bool Hex(std::uint32_t& value) {
    for (int i = 0; i < 4; ++i) {
      if (++at_ >= text_.size()) return false;
      const char c = text_[at_];
      const std::size_t digit = std::string_view("0123456789abcdef")
                                    .find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (digit == std::string_view::npos) return false;
      value = value * 16 + static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  const SourceText& source_;
  std::string_view text_;
  JsonComments comments_;
  std::size_t at_;
  std::optional<Error> error_;
};

}  // namespace

JsonValue::JsonValue() = default;
JsonValue::JsonValue(const JsonValue& other) = default;
JsonValue::JsonValue(JsonValue&& other) noexcept = default;
JsonValue& JsonValue::operator=(const JsonValue& other) = default;
JsonValue& JsonValue::operator=(JsonValue&& other) noexcept = default;
JsonValue::~JsonValue() = default;

const JsonValue* JsonValue::Find(std::string_view key) const noexcept {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<JsonValue> ParseJson(const SourceText& source, JsonComments comments, std::size_t begin,
                            std::size_t* end) {
  Parser parser(source, comments, begin);
  JsonValue value;
  if (!parser.Value(value, 0)) return *parser.error();
  if (end != nullptr) {
    *end = parser.at();
    return value;
  }
  parser.Space();
  if (parser.at() != source.text().size()) parser.Fail("expected the end behind the value");
  if (parser.error()) return *parser.error();
  return value;
}

std::string JsonString(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  const auto unit = [&](std::uint32_t value) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
  };
  while (!text.empty()) {
    const std::size_t length = base::Utf8Length(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length == 1 && first >= 0x20 && first < 0x7F && first != '"' && first != '\\' &&
        first != '<' && first != '$') {
      out += text.front();
    } else if (length <= 1) {
      unit(length == 1 ? first : 0xFFFD);
    } else {
      constexpr std::array<std::uint32_t, 5> kMask = {0, 0, 0x1F, 0x0F, 0x07};
      std::uint32_t point = first & kMask[length];
      for (std::size_t i = 1; i < length; ++i) {
        point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3F);
      }
      if (point >= 0x10000) unit(0xD800 + ((point - 0x10000) >> 10));
      unit(point >= 0x10000 ? 0xDC00 + ((point - 0x10000) & 0x3FF) : point);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "\"";
}

}  // namespace cotter::formats
