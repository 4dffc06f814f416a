// SPDX-License-Identifier: Apache-2.0
#include "report/text.h"

#include <cstddef>

namespace cotter::report {
namespace {

// No value of an honest event is longer; a log has to stay readable under an attack.
constexpr std::size_t kMaxValue = 1024;

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '/' || c == '*' || c == '[' || c == ']' ||
         c == '+';
}

void AppendEscaped(char c, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (byte >= 0x20 && byte < 0x7f) {
    out += c;
  } else {
    out += "\\x";
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
}

}  // namespace

std::string Quoted(std::string_view text) {
  text = text.substr(0, kMaxValue);
  bool plain = !text.empty();
  for (const char c : text) plain = plain && IsPlain(c);
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) AppendEscaped(c, quoted);
  return quoted + "\"";
}

std::string PinList(std::span<const Digest> pins) {
  std::string list;
  for (const Digest& pin : pins) {
    if (!list.empty()) list += ' ';
    list += FormatPin(pin);
  }
  return list;
}

}  // namespace cotter::report
