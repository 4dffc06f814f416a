// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "core/base64.h"
#include <cotter/pin.h>

namespace cotter {
namespace {

constexpr std::size_t kBase64Size = 44;    // of 32 bytes, with its one '='
constexpr std::size_t kHexSize = 64;       // of 32 bytes
constexpr std::size_t kColonHexSize = 95;  // 32 pairs and 31 colons

// SHA-256 of no input: what a pin pipeline prints when the certificate did not reach it.
constexpr Digest kDigestOfNothing = {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                      0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                      0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                      0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

std::optional<std::uint8_t> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

// ReadHex reads 32 pairs of digits, `stride` characters from one pair to the next.
std::optional<Digest> ReadHex(std::string_view text, std::size_t stride) {
  Digest digest;
  for (std::size_t i = 0; i < kSha256Size; ++i) {
    const auto high = HexDigit(text[i * stride]);
    const auto low = HexDigit(text[i * stride + 1]);
    if (!high || !low) return std::nullopt;
    if (stride == 3 && i + 1 < kSha256Size && text[i * stride + 2] != ':') return std::nullopt;
    digest.bytes[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return digest;
}

// Inner is the base64 inside one of the decorated spellings; the whole text where it has none.
std::string_view Inner(std::string_view text) {
  constexpr std::string_view kHeader = "pin-sha256=\"";
  // One digest in 64 begins with '/' in base64, so "sha256//" alone does not tell curl's spelling:
  // its length does.
  const bool slash_is_digest = text.size() == 7 + kBase64Size;
  if (text.starts_with("sha256//") && !slash_is_digest) return text.substr(8);
  if (text.starts_with("sha256/")) return text.substr(7);
  if (text.starts_with(kHeader) && text.ends_with('"') && text.size() > kHeader.size()) {
    return text.substr(kHeader.size(), text.size() - kHeader.size() - 1);
  }
  return text;
}

// Repeats reports that `values` is one run of `period` over and over.
template <typename Values>
bool Repeats(const Values& values, std::size_t period) {
  for (std::size_t i = period; i < values.size(); ++i) {
    if (values[i] != values[i - period]) return false;
  }
  return true;
}

// IsPatternText reports AAAA...= or ABCDEFABCDEF..., which documentation uses for "your pin here".
// Checked on the text, since BBBB...= is not even canonical base64.
bool IsPatternText(std::string_view text) {
  constexpr std::size_t kLongestPeriod = 8;
  constexpr std::size_t kShortest = 30;  // anything shorter is of the wrong length anyway
  const std::string_view body = text.substr(0, text.find_last_not_of('=') + 1);
  if (body.size() < kShortest) return false;
  for (std::size_t period = 1; period <= kLongestPeriod; ++period) {
    if (Repeats(body, period)) return true;
  }
  return false;
}

// IsPatternDigest reports a digest that repeats itself every one to four bytes: AAAA, ABCD, 0123.
// SHA-256 does that with a chance of 2 to the -224th.
bool IsPatternDigest(const Digest& digest) {
  for (std::size_t period = 1; period <= 4; ++period) {
    if (Repeats(digest.bytes, period)) return true;
  }
  return false;
}

bool IsBase64Text(std::string_view text) {
  const std::string_view body = text.substr(0, text.find_last_not_of('=') + 1);
  return !body.empty() && std::ranges::all_of(body, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
  });
}

Error Malformed(std::string_view text) {
  if (text.empty()) return Error{Code::kPinMalformed, "an empty pin"};
  for (const std::string_view other : {"sha1/", "sha384/", "sha512/", "pin-sha1=", "SHA"}) {
    if (text.starts_with(other)) {
      return Error{Code::kPinMalformed,
                   "expected \"sha256/\", in lower case, in front of a SHA-256 in base64"};
    }
  }
  const std::string_view inner = Inner(text);
  if (IsBase64Text(inner) && inner.size() != kBase64Size) {
    return Error{Code::kPinWrongLength,
                 "expected 44 characters of base64 or 64 hex digits, the 32 bytes of a SHA-256, "
                 "found " +
                     std::to_string(inner.size()) + " characters"};
  }
  return Error{Code::kPinMalformed,
               "expected sha256/ and 44 characters of base64, or 64 hex digits"};
}

std::optional<Digest> ReadDigest(std::string_view text) {
  if (text.size() == kHexSize) return ReadHex(text, 2);
  if (text.size() == kColonHexSize) return ReadHex(text, 3);
  const std::string_view inner = Inner(text);
  Digest digest;
  if (inner.size() != kBase64Size) return std::nullopt;
  const auto written = DecodeBase64(inner, digest.bytes);
  if (!written || *written != kSha256Size) return std::nullopt;
  return digest;
}

}  // namespace

Result<Digest> ParsePin(std::string_view text) {
  if (IsPatternText(Inner(text))) {
    return Error{Code::kPinPlaceholder, "a placeholder stands where a pin belongs"};
  }
  const std::optional<Digest> digest = ReadDigest(text);
  if (!digest) return Malformed(text);
  if (*digest == kDigestOfNothing) {
    return Error{Code::kPinEmptyInput,
                 "the pin is the SHA-256 of empty input: whatever made it had read nothing"};
  }
  if (IsPatternDigest(*digest)) {
    return Error{Code::kPinPlaceholder, "a placeholder stands where a pin belongs"};
  }
  return *digest;
}

std::string FormatPinBase64(const Digest& digest) { return EncodeBase64(digest.bytes); }

std::string FormatPin(const Digest& digest) { return "sha256/" + FormatPinBase64(digest); }

}  // namespace cotter
