// SPDX-License-Identifier: Apache-2.0
//
// The two kinds of chain, kept apart by type. What a server sent is a PresentedChain: anyone can
// make one, and it proves nothing. A VerifiedPath runs from the leaf to a trust anchor and was
// verified; only an adapter of a TLS library can make one, and only it can be held against pins.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/pin.h>
#include <cotter/result.h>

namespace cotter {

// Public chains have 2 to 5 certificates; 16 leaves room, and bounds the work of a handshake.
inline constexpr std::size_t kMaxPathLength = 16;

// The paths that are tried for one connection. An attacker can pad a chain with candidates, so the
// search must end.
inline constexpr std::size_t kMaxPaths = 32;

// PresentedChain is what a peer sent, leaf first. Never evidence.
struct PresentedChain {
  std::vector<Bytes> certificates;  // DER
};

// PathCertificate is what the judge needs to know of one certificate of a verified path.
struct PathCertificate {
  Digest spki;            // SHA-256 of the SubjectPublicKeyInfo as sent
  Digest cert;            // SHA-256 of the certificate; meaningful if has_cert
  bool has_cert = false;  // computed only where a rule needs it
};

// Where the anchor of a path comes from.
enum class AnchorOrigin : std::uint8_t {
  kUnknown,  // not determined; counts as local where a rule refuses local anchors
  kPublic,   // a root that the platform's vendor ships
  kLocal,    // added by the machine's owner or the caller
};

// AdapterAccess is the key to VerifiedPath's constructor. It is defined in src/tls, for the
// adapters, and in the tests of the judge; a program has no honest reason to define it.
class AdapterAccess;

// VerifiedPath is a path that a TLS library verified, leaf first, anchor last. Immutable; copying
// does not allocate.
class VerifiedPath {
 public:
  [[nodiscard]] std::span<const PathCertificate> certificates() const noexcept
      COTTER_LIFETIME_BOUND {
    return std::span(certificates_).first(size_);
  }
  [[nodiscard]] AnchorOrigin anchor_origin() const noexcept { return anchor_origin_; }

 private:
  friend class AdapterAccess;
  // At most kMaxPathLength certificates, at least one: the adapter has checked.
  VerifiedPath(std::span<const PathCertificate> leaf_to_anchor, AnchorOrigin origin) noexcept;

  std::array<PathCertificate, kMaxPathLength> certificates_{};
  std::size_t size_ = 0;
  AnchorOrigin anchor_origin_ = AnchorOrigin::kUnknown;
};

}  // namespace cotter
