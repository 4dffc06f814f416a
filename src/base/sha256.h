// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 by libcrypto. One place, so that nobody hashes twice in two ways. Safe from any thread.
#pragma once

#include <cotter/bytes.h>
#include <cotter/pin.h>

namespace cotter::base {

// Sha256 is the SHA-256 of `bytes`. Throws std::bad_alloc where libcrypto cannot hash: it has no
// memory, or a configuration without SHA-256.
[[nodiscard]] Digest Sha256(ByteView bytes);

}  // namespace cotter::base
