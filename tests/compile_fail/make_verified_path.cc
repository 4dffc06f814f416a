// SPDX-License-Identifier: Apache-2.0
//
// Nobody but an adapter makes a verified path.
#include <span>

#include <cotter/path.h>

namespace cotter {

VerifiedPath Make(std::span<const PathCertificate> certificates, const VerifiedPath& verified) {
#ifdef COTTER_BAD_LINE
  // expect: is private within this context
  return VerifiedPath(certificates, AnchorOrigin::kPublic);
#else
  static_cast<void>(certificates);
  return verified;
#endif
}

}  // namespace cotter
