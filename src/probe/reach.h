// SPDX-License-Identifier: Apache-2.0
//
// What looking and judging share in reaching a server. For the files of this room; safe from any
// thread.
#pragma once

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "net/connect.h"
#include "net/target.h"
#include <cotter/result.h>

namespace cotter::probe {

struct FreeSslContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeSslContext>;

// SaysNothing reports that the failure of `route` is this machine's affair: it has no route to that
// family of addresses, or the name is localhost, which stands for 127.0.0.1 and ::1, and nothing
// listens on this one.
[[nodiscard]] bool SaysNothing(const net::Target& target, const net::Route& route,
                               const Error& error);

// SetServerName sets the SNI of a client; false where `name` is not one that TLS can carry.
[[nodiscard]] bool SetServerName(SSL& ssl, std::string name) noexcept;

}  // namespace cotter::probe
