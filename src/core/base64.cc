// SPDX-License-Identifier: Apache-2.0
#include "core/base64.h"

#include <array>

#include <cotter/bytes.h>

namespace cotter {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// A bit that no shifted six-bit value has, so that one test after the loop finds any bad character
// in it.
constexpr std::uint32_t kBad = std::uint32_t{1} << 31;

using Table = std::array<std::uint32_t, 256>;

// MakeTable maps a character to its six bits, moved `shift` to the left: a group of four is then
// three additions.
constexpr Table MakeTable(unsigned shift) {
  Table table{};
  table.fill(kBad);
  for (std::size_t value = 0; value < kAlphabet.size(); ++value) {
    table[static_cast<unsigned char>(kAlphabet[value])] = static_cast<std::uint32_t>(value)
                                                          << shift;
  }
  return table;
}

constexpr std::array<Table, 4> kTables = {MakeTable(18), MakeTable(12), MakeTable(6), MakeTable(0)};

constexpr std::uint32_t Group(const char* text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  return kTables[0][at(0)] | kTables[1][at(1)] | kTables[2][at(2)] | kTables[3][at(3)];
}

}  // namespace

std::optional<std::size_t> DecodeBase64Groups(std::string_view text,
                                              std::span<std::uint8_t> out) noexcept {
  if (text.size() % 4 != 0 || out.size() < text.size() / 4 * 3) return std::nullopt;
  std::uint32_t seen = 0;
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::uint32_t group = Group(text.data() + i);
    seen |= group;
    out[written] = static_cast<std::uint8_t>(group >> 16);
    out[written + 1] = static_cast<std::uint8_t>(group >> 8);
    out[written + 2] = static_cast<std::uint8_t>(group);
    written += 3;
  }
  if ((seen & kBad) != 0) return std::nullopt;
  return written;
}

std::optional<std::size_t> DecodeBase64(std::string_view text,
                                        std::span<std::uint8_t> out) noexcept {
  if (text.empty()) return 0;
  if (text.size() % 4 != 0) return std::nullopt;
  const std::string_view last = text.substr(text.size() - 4);
  const std::optional<std::size_t> written =
      DecodeBase64Groups(text.substr(0, text.size() - 4), out);
  if (!written) return std::nullopt;
  std::size_t tail = 3;
  char padded[4] = {last[0], last[1], last[2], last[3]};
  for (std::size_t i = 3; i > 1 && padded[i] == '='; --i) {
    padded[i] = 'A';
    --tail;
  }
  const std::uint32_t group = Group(padded);
  if ((group & kBad) != 0 || out.size() < *written + tail) return std::nullopt;
  // RFC 4648, 3.5: "Implementations MAY choose to reject" pad bits that are not zero; two spellings
  // of one pin would be one too many.
  const std::uint32_t unused = tail == 3 ? 0 : tail == 2 ? 0xFFU : 0xFFFFU;
  if ((group & unused) != 0) return std::nullopt;
  for (std::size_t i = 0; i < tail; ++i) {
    out[*written + i] = static_cast<std::uint8_t>(group >> (16 - 8 * i));
  }
  return *written + tail;
}

std::string EncodeBase64(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const std::uint32_t group = std::uint32_t{bytes[i]} << 16 |
                                (left > 1 ? std::uint32_t{bytes[i + 1]} << 8 : 0U) |
                                (left > 2 ? std::uint32_t{bytes[i + 2]} : 0U);
    text += kAlphabet[group >> 18];
    text += kAlphabet[group >> 12 & 63];
    text += left > 1 ? kAlphabet[group >> 6 & 63] : '=';
    text += left > 2 ? kAlphabet[group & 63] : '=';
  }
  return text;
}

}  // namespace cotter
