// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL for those who make very many handshakes. OpenSSL 3.0 decodes the public key of each
// certificate that it reads, and each time it goes through all algorithms that its providers have:
// two fifths of what a handshake costs. The library context here is the default provider with what
// TLS needs, every version, suite, group and kind of key of it, and nothing else. Safe from any
// thread.
#pragma once

#include <openssl/types.h>

namespace cotter::tls {

// LeanLibrary is that context, the same at each call, for SSL_CTX_new_ex; it lives until the
// process ends. Null stands for the usual context: where the system's configuration chose other
// providers (FIPS, a hardware module) or other properties, that choice counts here too.
[[nodiscard]] OSSL_LIB_CTX* LeanLibrary() noexcept;

}  // namespace cotter::tls
