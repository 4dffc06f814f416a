// SPDX-License-Identifier: Apache-2.0
//
// The cipher suites in which a server shows a certificate. Anonymous suites, PSK and SRP reach no
// verifier, so a connection that must be judged does without them. For the OpenSSL door.
#pragma once

#include "tls/openssl_ptr.h"

namespace cotter::tls {

// RemoveUnverifiedSuites takes anonymous suites from what `ssl` will offer, and the callbacks that
// would supply an external PSK, without which OpenSSL offers no suite of that kind. Suites of SRP
// stay in the list where the program has set a user; HasVerifiedSuite does not let one pass. False
// where OpenSSL refuses. Costs little where there is nothing to remove, as in OpenSSL's default
// list: writing a list would take 30 us.
[[nodiscard]] bool RemoveUnverifiedSuites(SSL* ssl);

// HasVerifiedSuite reports that the suite `ssl` negotiated is one with a server certificate.
[[nodiscard]] bool HasVerifiedSuite(const SSL* ssl) noexcept;

}  // namespace cotter::tls
