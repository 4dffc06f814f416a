// SPDX-License-Identifier: Apache-2.0
//
// The public half of a private key, computed by OpenSSL. The one place that touches private keys
// from files; what OpenSSL makes of them is wiped before the call returns. Safe from any thread.
#pragma once

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::formats {

// PublicHalf is the SubjectPublicKeyInfo of the key `der`: PKCS #8, PKCS #1, SEC 1 or OpenSSL's DSA
// form. Fails with kKeyUnsupported where OpenSSL does not read it. No byte of the key is in the
// result or the message. The caller wipes `der`.
[[nodiscard]] Result<Bytes> PublicHalf(ByteView der);

}  // namespace cotter::formats
