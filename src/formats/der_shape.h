// SPDX-License-Identifier: Apache-2.0
//
// What a piece of DER without a label is, told by the shape of its first elements. For files that
// carry no armour. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include <cotter/bytes.h>

namespace cotter::formats {

enum class DerShape : std::uint8_t {
  kUnknown,              // none of the below
  kCertificate,          // RFC 5280, 4.1
  kRequest,              // RFC 2986, 4
  kPublicKey,            // SubjectPublicKeyInfo, RFC 5280, 4.1
  kRsaPublicKey,         // RFC 8017, A.1.1
  kPrivateKey,           // PKCS #8, RFC 5958, 2
  kTraditionalKey,       // RFC 8017, A.1.2; RFC 5915, 3; OpenSSL's DSA key
  kEncryptedPrivateKey,  // RFC 5958, 3
  kCms,                  // PKCS #7 and CMS, RFC 5652, 3; may be BER
  kPkcs12,               // RFC 7292, 4
  kCrl,                  // RFC 5280, 5.1
};

// ShapeOf is what `der` looks like. Only the outermost elements are read, so the content may still
// be broken: of a certificate no more is known than that it is signed and begins like one.
[[nodiscard]] DerShape ShapeOf(ByteView der) noexcept;

}  // namespace cotter::formats
