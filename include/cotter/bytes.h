// SPDX-License-Identifier: Apache-2.0
//
// Views over bytes and text, and the two text encodings that pins are written in. Everything here
// is a pure function of its arguments, safe to call from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// COTTER_LIFETIME_BOUND marks a parameter that the returned view borrows from. clang reports a
// dangling view; g++ has no such attribute and would warn about it, so it is hidden there.
#if defined(__clang__)
#define COTTER_LIFETIME_BOUND [[clang::lifetimebound]]
#else
#define COTTER_LIFETIME_BOUND
#endif

namespace cotter {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

// AsBytes views text as bytes. The result borrows from `text`.
[[nodiscard]] ByteView AsBytes(std::string_view text COTTER_LIFETIME_BOUND) noexcept;

// AsText views bytes as text, whatever they hold. The result borrows from `bytes`.
[[nodiscard]] std::string_view AsText(ByteView bytes COTTER_LIFETIME_BOUND) noexcept;

// SameBytes reports whether `a` and `b` have the same length and content.
[[nodiscard]] bool SameBytes(ByteView a, ByteView b) noexcept;

// EncodeBase64 returns the RFC 4648 section 4 encoding with padding and without line breaks.
// Allocates the result.
[[nodiscard]] std::string EncodeBase64(ByteView bytes);

// EncodeHex returns lower-case hexadecimal, two digits a byte. Allocates the result.
[[nodiscard]] std::string EncodeHex(ByteView bytes);

}  // namespace cotter
