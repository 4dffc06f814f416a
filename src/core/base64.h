// SPDX-License-Identifier: Apache-2.0
//
// The one base64 decoder: strict RFC 4648 section 4, for pins and for PEM bodies. Pure, safe from
// any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace cotter {

// DecodeBase64 decodes `text` into the front of `out` and returns the bytes written; nullopt where
// `text` is not padded, canonical base64 (RFC 4648, 3.5: the unused bits are zero) without white
// space, or `out` is too short for it.
[[nodiscard]] std::optional<std::size_t> DecodeBase64(std::string_view text,
                                                      std::span<std::uint8_t> out) noexcept;

// DecodeBase64Groups decodes whole groups of four characters with no padding among them: the body
// of a long text. It returns the bytes written, 3/4 of `text`, or nullopt where it is not that.
[[nodiscard]] std::optional<std::size_t> DecodeBase64Groups(std::string_view text,
                                                            std::span<std::uint8_t> out) noexcept;

}  // namespace cotter
