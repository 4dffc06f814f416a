// SPDX-License-Identifier: Apache-2.0
#include "cli/safe_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cotter::cli {
namespace {

struct Decoded {
  char32_t point;
  std::size_t size;
};

bool IsPlain(char c) noexcept { return c >= 0x20 && c < 0x7f; }

// Decode reads one UTF-8 sequence (RFC 3629, 4), refusing overlong forms, surrogates and what lies
// beyond U+10FFFF. `text` is not empty.
std::optional<Decoded> Decode(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return Decoded{lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return std::nullopt;
  char32_t point = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return std::nullopt;
    point = (point << 6U) | (byte(i) & 0x3fU);
  }
  const char32_t smallest = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
  if (point < smallest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    return std::nullopt;
  }
  return Decoded{point, size};
}

// IsHarmful names the characters that move the cursor or reorder the line: controls, the line and
// paragraph separators, and the bidirectional controls of UAX #9.
bool IsHarmful(char32_t point) noexcept {
  return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x61c ||
         (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
         (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe007f);
}

void AppendHex(std::string& out, char32_t value, std::size_t min_digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (; value != 0; value >>= 4U) digits += kDigits[value & 0xfU];
  digits.append(min_digits - std::min(min_digits, digits.size()), '0');
  out.append(digits.rbegin(), digits.rend());
}

void AppendEscape(std::string& out, char32_t point) {
  switch (point) {
    case U'\n':
      out += "\\n";
      return;
    case U'\r':
      out += "\\r";
      return;
    case U'\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (point < 0x80) {
    out += "\\x";
    AppendHex(out, point, 2);
  } else {
    out += "\\u{";
    AppendHex(out, point, 4);
    out += '}';
  }
}

void AppendJsonEscape(std::string& out, char32_t point) {
  if (point >= 0x10000) {  // RFC 8259, 7: beyond the BMP, a surrogate pair
    AppendJsonEscape(out, 0xd800 + ((point - 0x10000) >> 10U));
    AppendJsonEscape(out, 0xdc00 + ((point - 0x10000) & 0x3ffU));
    return;
  }
  out += "\\u";
  AppendHex(out, point, 4);
}

// PlainLength is how many leading bytes of `text` need no look: the whole, nearly always.
std::size_t PlainLength(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), IsPlain) -
                                  text.begin());
}

}  // namespace

void AppendSafe(std::string& out, std::string_view text, LineBreaks breaks) {
  while (!text.empty()) {
    const std::size_t plain = PlainLength(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto decoded = Decode(text);
    if (!decoded) {
      out += "\\x";
      AppendHex(out, static_cast<std::uint8_t>(text.front()), 2);
      text.remove_prefix(1);
      continue;
    }
    const bool kept =
        breaks == LineBreaks::kKeep && (decoded->point == U'\n' || decoded->point == U'\t');
    if (IsHarmful(decoded->point) && !kept) {
      AppendEscape(out, decoded->point);
    } else {
      out += text.substr(0, decoded->size);
    }
    text.remove_prefix(decoded->size);
  }
}

std::string SafeText(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  AppendSafe(out, text);
  return out;
}

void AppendSafeJson(std::string& out, std::string_view json) {
  while (!json.empty()) {
    const std::size_t plain = PlainLength(json);
    out += json.substr(0, plain);
    json.remove_prefix(plain);
    if (json.empty()) return;
    const auto decoded = Decode(json);
    if (!decoded) {
      out += "\\ufffd";
      json.remove_prefix(1);
      continue;
    }
    // Line breaks between values are white space of JSON; inside strings they are escaped already.
    if (IsHarmful(decoded->point) && decoded->point != U'\n') {
      AppendJsonEscape(out, decoded->point);
    } else {
      out += json.substr(0, decoded->size);
    }
    json.remove_prefix(decoded->size);
  }
}

}  // namespace cotter::cli
