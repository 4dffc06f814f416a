// SPDX-License-Identifier: Apache-2.0
#include "core/der.h"

#include <cstddef>

namespace cotter::der {

std::optional<Element> Reader::Next() noexcept {
  constexpr std::uint8_t kHighTagNumber = 0x1F;
  constexpr std::size_t kMaxLengthOctets = 4;  // 4 GiB is past every limit on inputs
  if (rest_.size() < 2 || (rest_[0] & kHighTagNumber) == kHighTagNumber) return std::nullopt;
  std::size_t header = 2;
  std::size_t length = rest_[1];
  if (length >= 0x80) {
    const std::size_t octets = length & 0x7F;  // none: the indefinite form, which DER forbids
    if (octets == 0 || octets > kMaxLengthOctets || rest_.size() < 2 + octets) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = length << 8 | rest_[2 + i];
    // X.690, 10.1: "the minimum number of octets".
    if (length < 0x80 || length >> (8 * (octets - 1)) == 0) return std::nullopt;
    header += octets;
  }
  if (length > rest_.size() - header) return std::nullopt;
  const Element element{rest_[0], rest_.first(header + length), rest_.subspan(header, length)};
  rest_ = rest_.subspan(header + length);
  return element;
}

std::optional<Element> Reader::Take(std::uint8_t tag) noexcept {
  if (!Peek(tag)) return std::nullopt;
  return Next();
}

bool Reader::SkipOptional(std::uint8_t tag) noexcept { return !Peek(tag) || Next().has_value(); }

std::optional<ByteView> TakeOnly(ByteView input, std::uint8_t tag) noexcept {
  Reader reader(input);
  const std::optional<Element> element = reader.Take(tag);
  if (!element || !reader.at_end()) return std::nullopt;
  return element->content;
}

}  // namespace cotter::der
