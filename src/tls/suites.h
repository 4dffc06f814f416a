// SPDX-License-Identifier: Apache-2.0
//
// The cipher suites in which a server shows a certificate. Anonymous suites, PSK and SRP reach no
// verifier, so a connection that must be judged does without them. OpenSSL asks a callback about
// each suite that it is about to offer or to accept, so they go there: whatever cipher list the
// program sets, and when, and without reading a list, which would take 30 us a context. For the
// OpenSSL door.
#pragma once

#include "tls/openssl_ptr.h"

namespace cotter::tls {

// FilterSuites is a security callback that refuses suites without a server certificate, and leaves
// everything else to the callback that ContextState::security names.
[[nodiscard]] int FilterSuites(const SSL* ssl, const SSL_CTX* context, int operation, int bits,
                               int nid, void* other, void* extra);

// ForbidPsk takes away the callbacks that would supply an external PSK.
void ForbidPsk(SSL_CTX* context) noexcept;
void ForbidPsk(SSL* ssl) noexcept;

// HasVerifiedSuite reports that the suite `ssl` negotiated is one with a server certificate.
[[nodiscard]] bool HasVerifiedSuite(const SSL* ssl) noexcept;

}  // namespace cotter::tls
