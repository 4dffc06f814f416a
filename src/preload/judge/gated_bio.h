// SPDX-License-Identifier: Apache-2.0
//
// BIO_f_ssl, a connection as a BIO. Its reads and writes do a handshake by themselves, inside
// libssl, where no hook of the thin half comes by: a handshake that shows no certificate would end
// without a verdict there, and any session be resumed.
#pragma once

#include <openssl/bio.h>

namespace cotter::preload {

// GateBio is `real`, which BIO_f_ssl returned, but data passes only through connections that were
// judged. Never null. Thread-safe.
const BIO_METHOD* GateBio(const BIO_METHOD* real) noexcept;

}  // namespace cotter::preload
