// SPDX-License-Identifier: Apache-2.0
//
// The cipher suites in which a server shows a certificate. Anonymous suites, PSK and SRP reach no
// verifier, so a connection that must be judged does without them. For the OpenSSL door.
#pragma once

#include "tls/openssl_ptr.h"

namespace cotter::tls {

// RemoveUnverifiedSuites takes every suite without a server certificate from what `ssl` offers, and
// the callbacks that would supply an external PSK. False where nothing is left or OpenSSL refuses.
[[nodiscard]] bool RemoveUnverifiedSuites(SSL* ssl);

// HasVerifiedSuite reports that the suite `ssl` negotiated is one with a server certificate.
[[nodiscard]] bool HasVerifiedSuite(const SSL* ssl) noexcept;

}  // namespace cotter::tls
