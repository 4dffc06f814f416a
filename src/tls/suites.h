// SPDX-License-Identifier: Apache-2.0
//
// The cipher suites in which a server shows a certificate. Anonymous suites, PSK and SRP reach no
// verifier, so a connection that must be judged does without them. For the OpenSSL door.
#pragma once

#include "tls/openssl_ptr.h"

namespace cotter::tls {

// RemoveUnverifiedSuites takes every suite without a server certificate from what is offered, and
// the callbacks that would supply an external PSK. False where OpenSSL refuses. For a context it is
// done once, so that its connections find little to do: reading a cipher list takes 30 us.
[[nodiscard]] bool RemoveUnverifiedSuites(SSL_CTX* context);
[[nodiscard]] bool RemoveUnverifiedSuites(SSL* ssl);

// HasVerifiedSuite reports that the suite `ssl` negotiated is one with a server certificate.
[[nodiscard]] bool HasVerifiedSuite(const SSL* ssl) noexcept;

}  // namespace cotter::tls
