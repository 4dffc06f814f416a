// SPDX-License-Identifier: Apache-2.0
//
// Every field of a certificate, decoded by OpenSSL, for people and for diagnosis. Nothing is
// verified but whether the certificate signed itself, and no field says anything about trust. Plain
// values; every function is safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/x509_extension.h"
#include "formats/x509_key.h"
#include "formats/x509_name.h"
#include <cotter/bytes.h>
#include <cotter/pin.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::formats {

// A certificate longer than this is not described: the largest real ones, of hundreds of names or
// post-quantum keys, have some tens of KiB.
inline constexpr std::size_t kMaxDescribed = std::size_t{1} << 20;

// DateDescription is one date of the validity.
struct DateDescription {
  std::optional<Time> time;  // nothing where the text is no date
  std::string text;          // as it stands in the certificate, UTF-8
};

enum class SelfSigned : std::uint8_t {
  kNo,
  kYes,      // issuer and subject are the same bytes, and the own key verifies the signature
  kClaimed,  // issuer and subject are the same bytes, but the own key does not verify it
};

// CertificateDescription is one certificate.
struct CertificateDescription {
  std::int64_t version = 1;   // 1 to 3; what RFC 5280, 4.1.2.1 writes as 0 to 2
  std::string serial_number;  // hex, whole octets, "-" in front of a negative one
  AlgorithmDescription signature_algorithm;
  AlgorithmDescription signed_algorithm;  // the copy inside the signed part
  DistinguishedName issuer;
  DistinguishedName subject;
  DateDescription not_before;
  DateDescription not_after;
  KeyDescription key;
  std::string issuer_unique_id;                  // hex; empty where there is none
  std::string subject_unique_id;                 // hex; empty where there is none
  std::vector<ExtensionDescription> extensions;  // in the certificate's order, repeated ones too
  Bytes signature;
  SelfSigned self_signed = SelfSigned::kNo;
  Digest sha256;     // of the whole certificate
  std::string sha1;  // hex, likewise: for comparison with old lists only
  Bytes der;
};

// DescribeCertificate decodes `der`. Fails with kDerMalformed where OpenSSL, or the strict walk to
// the SPKI, cannot read the certificate as a whole; a broken field inside is described as broken.
// A hostile certificate costs at most a few signature checks' time.
[[nodiscard]] Result<CertificateDescription> DescribeCertificate(ByteView der);

// FindExtension is the first extension called `name`, decoded or not; null where there is none.
[[nodiscard]] const ExtensionDescription* FindExtension(const CertificateDescription& certificate,
                                                        std::string_view name) noexcept;

// IsCa reports that basic constraints say so (RFC 5280, 4.2.1.9).
[[nodiscard]] bool IsCa(const CertificateDescription& certificate) noexcept;

// IsServerLeaf reports that the certificate is not a CA's, and its extended key usage, if it has
// one, lets it be a TLS server's.
[[nodiscard]] bool IsServerLeaf(const CertificateDescription& certificate) noexcept;

// MustStaple reports a TLS feature extension that asks for a stapled OCSP response (RFC 7633).
[[nodiscard]] bool MustStaple(const CertificateDescription& certificate) noexcept;

}  // namespace cotter::formats
