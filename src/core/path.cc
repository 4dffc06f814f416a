// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <cotter/path.h>

namespace cotter {

VerifiedPath::VerifiedPath(std::span<const PathCertificate> leaf_to_anchor,
                           AnchorOrigin origin) noexcept
    : size_(leaf_to_anchor.size()), anchor_origin_(origin) {
  COTTER_CHECK(size_ >= 1 && size_ <= kMaxPathLength);
  std::ranges::copy(leaf_to_anchor, certificates_.begin());
}

}  // namespace cotter
