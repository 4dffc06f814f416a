// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 by libcrypto. One place, so that nobody hashes twice in two ways. Safe from any thread.
#pragma once

#include <cotter/bytes.h>
#include <cotter/pin.h>

namespace cotter::base {

// Sha256 is the SHA-256 of `bytes`. Ends the process when libcrypto cannot hash, which means it is
// broken.
[[nodiscard]] Digest Sha256(ByteView bytes) noexcept;

}  // namespace cotter::base
