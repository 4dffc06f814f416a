// SPDX-License-Identifier: Apache-2.0
//
// The last step of X509_verify_cert: does each certificate of the path that was built bear the
// signature of the one above, and is each within its dates. It stands in for libcrypto's own, which
// checks every signature each time; here a signature that was checked before is known by its bytes.
// It can only refuse: what libcrypto looked at before (names, usages, key sizes, digests) and looks
// at after it (name constraints, policies) stays with libcrypto. For the verifier alone.
#pragma once

#include <openssl/x509_vfy.h>

#include "tls/certificate_notes.h"
#include <cotter/time.h>

namespace cotter::tls {

// CheckSignatures is an X509_STORE_CTX_verify_fn, but for its context: 1 where the path of
// `context` holds at `now`. Otherwise 0, with the error, its depth and its certificate in
// `context`; of several the topmost. The anchor's own signature is not looked at: it is trusted.
[[nodiscard]] int CheckSignatures(X509_STORE_CTX* context, LatelySeen& seen, Time now) noexcept;

}  // namespace cotter::tls
