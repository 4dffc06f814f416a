// SPDX-License-Identifier: Apache-2.0
//
// Strict DER (X.690, 10), read one element at a time. Every length is definite, minimal and inside
// its parent. Nothing allocates; a reader is a value that borrows its input. Used by the core's
// certificate walk and by the readers of foreign files.
#pragma once

#include <cstdint>
#include <optional>

#include <cotter/bytes.h>

namespace cotter::der {

// The identifier octets that cotter meets. All are low-tag-number form.
inline constexpr std::uint8_t kBoolean = 0x01;
inline constexpr std::uint8_t kInteger = 0x02;
inline constexpr std::uint8_t kBitString = 0x03;
inline constexpr std::uint8_t kOctetString = 0x04;
inline constexpr std::uint8_t kNull = 0x05;
inline constexpr std::uint8_t kOid = 0x06;
inline constexpr std::uint8_t kUtf8String = 0x0C;
inline constexpr std::uint8_t kPrintableString = 0x13;
inline constexpr std::uint8_t kTeletexString = 0x14;
inline constexpr std::uint8_t kIa5String = 0x16;
inline constexpr std::uint8_t kUtcTime = 0x17;
inline constexpr std::uint8_t kGeneralizedTime = 0x18;
inline constexpr std::uint8_t kUniversalString = 0x1C;
inline constexpr std::uint8_t kBmpString = 0x1E;
inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kSet = 0x31;
// ContextTag is the identifier octet of [number], constructed.
constexpr std::uint8_t ContextTag(std::uint8_t number) {
  return static_cast<std::uint8_t>(0xA0U | number);
}

// Element is one tag-length-value.
struct Element {
  std::uint8_t tag = 0;
  ByteView whole;    // identifier and length octets included
  ByteView content;  // the value alone
};

// Reader takes elements off the front of a buffer.
class Reader {
 public:
  explicit Reader(ByteView input) noexcept : rest_(input) {}

  // Next takes the next element; nullopt at the end or where the bytes are not strict DER. Tags of
  // more than one octet are refused: no structure that cotter reads has one.
  [[nodiscard]] std::optional<Element> Next() noexcept;

  // Take is Next with the tag required.
  [[nodiscard]] std::optional<Element> Take(std::uint8_t tag) noexcept;

  // SkipOptional takes the next element if it has `tag`. False only where there is one and it is
  // not strict DER.
  [[nodiscard]] bool SkipOptional(std::uint8_t tag) noexcept;

  // Peek reports whether the next element has `tag`.
  [[nodiscard]] bool Peek(std::uint8_t tag) const noexcept {
    return !rest_.empty() && rest_[0] == tag;
  }

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] ByteView rest() const noexcept { return rest_; }

 private:
  ByteView rest_;
};

// TakeOnly is the content of `input` if it is exactly one element with `tag`; nullopt otherwise.
[[nodiscard]] std::optional<ByteView> TakeOnly(ByteView input, std::uint8_t tag) noexcept;

}  // namespace cotter::der
