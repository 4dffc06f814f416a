// SPDX-License-Identifier: Apache-2.0
//
// Verified paths for the tests of the judge, which must not depend on a TLS library. This
// definition of AdapterAccess stands in for the one of src/tls, and is never linked with it.
#pragma once

#include <initializer_list>
#include <vector>

#include <cotter/path.h>

namespace cotter {

class AdapterAccess {
 public:
  static VerifiedPath Path(std::span<const PathCertificate> certificates, AnchorOrigin origin) {
    return VerifiedPath(certificates, origin);
  }
};

}  // namespace cotter

namespace cotter::testing {

// KeyDigest is a digest that looks like a real one and depends on `key` alone.
inline Digest KeyDigest(unsigned key) {
  Digest digest;
  std::uint32_t state = key * 2654435761U + 1;
  for (std::uint8_t& byte : digest.bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return digest;
}

// PathOf is a path whose certificates have the keys `keys`, leaf first; the certificate of key k
// has the digest of k+1000.
inline VerifiedPath PathOf(std::initializer_list<unsigned> keys,
                           AnchorOrigin origin = AnchorOrigin::kPublic) {
  std::vector<PathCertificate> certificates;
  for (const unsigned key : keys) {
    certificates.push_back({KeyDigest(key), KeyDigest(key + 1000), true});
  }
  return AdapterAccess::Path(certificates, origin);
}

}  // namespace cotter::testing
