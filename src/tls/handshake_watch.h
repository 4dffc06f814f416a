// SPDX-License-Identifier: Apache-2.0
//
// The beginning and the end of handshakes, watched through OpenSSL's information callback. What a
// program set on a connection after it was attached is undone before the ClientHello is made, and a
// handshake that ends without an allowed verdict is killed before any data. For the OpenSSL door;
// on the thread of the connection.
#pragma once

#include "tls/connection.h"

namespace cotter::tls {

// WatchHandshake is the information callback.
void WatchHandshake(const SSL* ssl, int where, int result);

// Arm sets on `ssl`, before its handshake, what every judged connection has. False where OpenSSL
// refuses a setting.
[[nodiscard]] bool Arm(SSL* ssl, const Connection& connection);

// WhyUnfit says what contradicts that the handshake of `ssl`, which is over, is the one that
// `connection` has an allowed record of; nullopt where nothing does.
[[nodiscard]] std::optional<Error> WhyUnfit(const SSL* ssl, const Connection& connection);

}  // namespace cotter::tls
