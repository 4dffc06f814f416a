// SPDX-License-Identifier: Apache-2.0
//
// A certificate as views over its DER, walked strictly and never re-encoded: a pin is the hash of
// the bytes as sent. The walk is bounded by the input, allocates nothing when it succeeds, and
// verifies no signature. Pure, safe from any thread.
#pragma once

#include <string>

#include <cotter/bytes.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter {

// FindSpki returns the SubjectPublicKeyInfo (RFC 5280, 4.1) inside the certificate `der`, tag and
// length included. It checks what lies on the way: the outer SEQUENCE spans the input exactly,
// every length is definite and minimal and stays inside its parent. Fails with kDerMalformed. The
// result borrows from `der`. About 15 ns.
[[nodiscard]] Result<ByteView> FindSpki(ByteView der COTTER_LIFETIME_BOUND);

// FindRequestSpki is FindSpki for a PKCS #10 CertificationRequest (RFC 2986, 4).
[[nodiscard]] Result<ByteView> FindRequestSpki(ByteView der COTTER_LIFETIME_BOUND);

// CheckSpki reports whether `der` is exactly one SubjectPublicKeyInfo: an algorithm SEQUENCE that
// begins with an OBJECT IDENTIFIER, and a BIT STRING of whole octets. Fails with kDerMalformed.
[[nodiscard]] Result<void> CheckSpki(ByteView der);

// CertificateView is the top-level structure of one certificate. All views borrow from the DER it
// was made from, which must outlive it.
class CertificateView {
 public:
  // Parse walks TBSCertificate to its end, with FindSpki's rules for all of it. Fails with
  // kDerMalformed.
  [[nodiscard]] static Result<CertificateView> Parse(ByteView der COTTER_LIFETIME_BOUND);

  [[nodiscard]] ByteView der() const noexcept { return der_; }

  // serial is the content of the INTEGER, big-endian two's complement.
  [[nodiscard]] ByteView serial() const noexcept { return serial_; }

  // issuer and subject are whole Name SEQUENCEs.
  [[nodiscard]] ByteView issuer() const noexcept { return issuer_; }
  [[nodiscard]] ByteView subject() const noexcept { return subject_; }

  [[nodiscard]] ByteView spki() const noexcept { return spki_; }

  // not_before and not_after read the dates. They fail with kTimeInvalid where the certificate
  // holds none that RFC 5280, 4.1.2.5 allows.
  [[nodiscard]] Result<Time> not_before() const;
  [[nodiscard]] Result<Time> not_after() const;

  // is_self_issued reports that subject and issuer are the same bytes.
  [[nodiscard]] bool is_self_issued() const noexcept { return SameBytes(issuer_, subject_); }

 private:
  CertificateView() = default;

  ByteView der_;
  ByteView serial_;
  ByteView issuer_;
  ByteView not_before_;  // tag and length included: the tag tells UTCTime from GeneralizedTime
  ByteView not_after_;
  ByteView subject_;
  ByteView spki_;
};

// FormatName writes a Name (RFC 5280, 4.1.2.4) as RFC 4514 does: most specific first,
// "CN=api.example.com,O=Example". Control characters, NUL and invalid UTF-8 come out as \XX, so the
// text is safe to print. Unknown attribute types are dotted OIDs with their value in #hex. A
// malformed Name is written as "#" and its hex, cut at 64 bytes. Allocates.
[[nodiscard]] std::string FormatName(ByteView name);

}  // namespace cotter
