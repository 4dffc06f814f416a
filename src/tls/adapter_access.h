// SPDX-License-Identifier: Apache-2.0
//
// The key to VerifiedPath. Whoever includes this promises that a TLS library verified the path,
// from leaf to anchor, with the caller's host and time, before Make is called. For the adapters of
// this room.
#pragma once

#include <span>

#include <cotter/path.h>

namespace cotter {

class AdapterAccess {
 public:
  // Make turns a verified path, leaf first, of 1 to kMaxPathLength certificates into the proof that
  // it is one.
  [[nodiscard]] static VerifiedPath Make(std::span<const PathCertificate> leaf_to_anchor,
                                         AnchorOrigin origin) noexcept {
    COTTER_CHECK(!leaf_to_anchor.empty() && leaf_to_anchor.size() <= kMaxPathLength);
    return VerifiedPath(leaf_to_anchor, origin);
  }
};

}  // namespace cotter
