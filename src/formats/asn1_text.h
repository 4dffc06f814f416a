// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL's ASN.1 values as text that is valid UTF-8 whatever they hold. For the certificate
// decoder. Every function is safe from any thread and allocates its result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include <cotter/bytes.h>

namespace cotter::formats {

// BytesOf views the content of `string`, which lends it.
[[nodiscard]] ByteView BytesOf(const ASN1_STRING* string) noexcept;

// TextOf converts any of ASN.1's character strings; others, and those that break the rules of their
// type, come out as "#" and the hex of their content.
[[nodiscard]] std::string TextOf(const ASN1_STRING* string);

// Utf8Of is `bytes` where they are UTF-8; each byte that is not becomes U+FFFD.
[[nodiscard]] std::string Utf8Of(ByteView bytes);

// OidOf is the dotted form; an OID of absurd length comes out as "#" and hex.
[[nodiscard]] std::string OidOf(const ASN1_OBJECT* object);

// SnakeOf turns "organizationalUnitName" and "Microsoft User Principal" into snake case.
[[nodiscard]] std::string SnakeOf(std::string_view name);

// HexInteger is the magnitude in hex, whole octets, after "-" where it is negative: "-0a".
[[nodiscard]] std::string HexInteger(const ASN1_INTEGER* integer);

// SmallInteger is the value where it fits.
[[nodiscard]] std::optional<std::int64_t> SmallInteger(const ASN1_INTEGER* integer) noexcept;

}  // namespace cotter::formats
