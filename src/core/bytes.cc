// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <cotter/bytes.h>

namespace cotter {

ByteView AsBytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view AsText(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool SameBytes(ByteView a, ByteView b) noexcept { return std::ranges::equal(a, b); }

std::string EncodeHex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace cotter
