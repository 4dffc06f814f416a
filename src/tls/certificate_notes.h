// SPDX-License-Identifier: Apache-2.0
//
// What is known of a certificate once it was looked at: its digests, and whether it may be an
// anchor. Trusted certificates that come from files carry their notes with them, so that a
// handshake does not read a root's bytes again: nothing else touches them, and fetching them from
// memory costs more than the hash. Safe from any thread once attached.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "tls/openssl_ptr.h"
#include <cotter/path.h>

namespace cotter::tls {

struct CertificateNotes {
  PathCertificate description;  // with the digest of the certificate
  bool sound_anchor = false;    // as an anchor it passes CheckProfile and restricts no policies
};

// Whether digests of whole certificates are wanted, for rules with pins of kind cert.
enum class CertDigests : std::uint8_t { kSkip, kCompute };

// DescribeCertificate hashes the key of `certificate`, and the whole of it if that is wanted.
// OpenSSL keeps the TBSCertificate as it was received, so the key is hashed as sent; the whole is
// the DER encoding, which is what was sent unless that was not DER. Nullopt where the way to the
// key is not strict DER.
[[nodiscard]] std::optional<PathCertificate> DescribeCertificate(const X509& certificate,
                                                                 CertDigests cert_digests);

// AttachNotes notes what is known of `certificate`, which no other thread may use yet. Without
// memory there are no notes, which is no error.
void AttachNotes(X509* certificate);

// NotesOf is what AttachNotes noted, or null. Borrowed from `certificate`.
[[nodiscard]] const CertificateNotes* NotesOf(const X509* certificate) noexcept;

// LatelySeen remembers the latest certificates: a client that speaks to the same servers again and
// again checks their signatures and hashes their keys once. Of a certificate that comes again every
// byte but those of its signature is compared. Safe from any thread.
class LatelySeen {
 public:
  // IsSigned reports that the key of `issuer` signed `certificate`: that it did once, over the same
  // bytes, or does. Only a signature that was found good is remembered, with the bytes of both. A
  // signature says nothing of dates or usages, which may have changed since.
  [[nodiscard]] bool IsSigned(X509& certificate, X509& issuer) noexcept;

  // Describe is DescribeCertificate. Whole certificates are hashed each time.
  [[nodiscard]] std::optional<PathCertificate> Describe(X509& certificate,
                                                        CertDigests cert_digests);

 private:
  // The paths of some servers; each certificate is a few KiB.
  static constexpr std::size_t kMost = 16;

  struct Seen {
    X509Ptr certificate;
    X509Ptr issuer;  // whose signature it bears; null: not known
    std::optional<PathCertificate> description;
  };

  // Both are called with the mutex held.
  [[nodiscard]] Seen* Find(const X509& certificate) noexcept;
  [[nodiscard]] Seen& Place(X509& certificate) noexcept;

  std::mutex mutex_;
  std::array<Seen, kMost> seen_{};  // under the mutex
  std::size_t next_ = 0;            // likewise: the place of the oldest
};

}  // namespace cotter::tls
