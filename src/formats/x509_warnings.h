// SPDX-License-Identifier: Apache-2.0
//
// What a reader of a certificate should be told: facts that break clients, or that a CA would not
// be allowed to sign today. Warnings decide nothing. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/x509_description.h"
#include <cotter/time.h>

namespace cotter::formats {

enum class Warning : std::uint8_t {
  kExpired,                   // past its notAfter
  kNotYetValid,               // before its notBefore
  kBrokenDate,                // a date that is none, or validity that ends before it begins
  kWeakKey,                   // below 112 bits of security, or RSA with a useless exponent
  kExplicitCurve,             // an EC key that spells its curve out, against RFC 5480, 2.1.1
  kUnreadableKey,             // OpenSSL does not read the public key
  kWeakSignature,             // MD2 to SHA-1, on a certificate that is not self-signed
  kSignatureAlgorithms,       // the signed and the outer algorithm differ
  kNoSubjectAltName,          // a server's certificate that no client of today matches
  kOverLongValidity,          // longer than public CAs may sign at its date
  kNameConstraints,           // a CA for some names only
  kUnknownCriticalExtension,  // verifiers must refuse it, unless they know the extension
  kBrokenExtension,           // an extension that does not decode
  kDuplicateExtension,        // an extension that is there twice, against RFC 5280, 4.2
  kSerialNotPositive,         // a serial number of zero or below, against RFC 5280, 4.1.2.2
  kFalselySelfSigned,         // it names itself as its issuer, but did not sign itself
};

// NameOf is the stable name, as "not_yet_valid".
[[nodiscard]] std::string_view NameOf(Warning warning) noexcept;

// CertificateWarning is one warning with its details for people.
struct CertificateWarning {
  Warning warning;
  std::string message;  // lower case, no full stop; UTF-8
};

// WarningsOf is what `certificate` deserves at the time `now`, in the order of the enum.
[[nodiscard]] std::vector<CertificateWarning> WarningsOf(const CertificateDescription& certificate,
                                                         Time now);

}  // namespace cotter::formats
