// SPDX-License-Identifier: Apache-2.0
//
// Pins: a SHA-256 digest, what it is a digest of, and where in a verified path it may stand.
// Immutable values; every function here is pure and safe from any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter {

inline constexpr std::size_t kSha256Size = 32;

// Digest is a SHA-256 value.
struct Digest {
  std::array<std::uint8_t, kSha256Size> bytes{};

  friend auto operator<=>(const Digest&, const Digest&) = default;
};

// FormatPin is the canonical spelling, "sha256/" and 44 characters of base64 (RFC 7469, 2.4 for the
// hash; OkHttp's spelling of it). Allocates.
[[nodiscard]] std::string FormatPin(const Digest& digest);

// FormatPinBase64 is the 44 characters alone. Allocates.
[[nodiscard]] std::string FormatPinBase64(const Digest& digest);

// ParsePin reads a digest from any of the spellings in use: "sha256/B64", "sha256//B64" (curl),
// bare base64, pin-sha256="B64" (RFC 7469), 64 hex digits, or 32 colon-separated hex pairs. Base64
// must be padded and canonical. Fails with kPinMalformed, kPinWrongLength, kPinEmptyInput (the
// digest of nothing) or kPinPlaceholder (one character repeated, as in AAAA...=). No white space is
// skipped. Does not allocate when it succeeds.
[[nodiscard]] Result<Digest> ParsePin(std::string_view text);

// What a pin is the digest of.
enum class PinKind : std::uint8_t {
  kSpki,  // the certificate's SubjectPublicKeyInfo, as it stands in the certificate
  kCert,  // the whole certificate; breaks at every renewal
};

// Where in the verified path a pin may match.
enum class PinPlace : std::uint8_t {
  kAny,   // anywhere
  kLeaf,  // the end-entity certificate alone
  kCa,    // any certificate but the end-entity one
};

// What a pin is for. All but kRevoked match.
enum class PinUse : std::uint8_t {
  kActive,    // the key that is served today
  kBackup,    // a key kept in reserve; a match is worth knowing
  kNext,      // the key of the coming rotation
  kRetiring,  // the key that the last rotation left behind
  kRevoked,   // a key that must not appear in any path of this policy
};

// Pin is one expected property of a host's verified path.
struct Pin {
  Digest digest;
  PinKind kind = PinKind::kSpki;
  PinPlace place = PinPlace::kAny;
  PinUse use = PinUse::kActive;

  friend bool operator==(const Pin&, const Pin&) = default;
};

}  // namespace cotter
