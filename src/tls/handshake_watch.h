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

// Settle asserts, when the handshake of `ssl` is over, that `connection` has an allowed record of
// this very handshake which the policy in force upholds, and watches it from then on. The error
// says what contradicts that.
[[nodiscard]] std::optional<Error> Settle(SSL* ssl, Connection& connection);

// KeepSession is the callback for new sessions, which are kept where they may be resumed one day.
[[nodiscard]] int KeepSession(SSL* ssl, SSL_SESSION* session);

}  // namespace cotter::tls
