// SPDX-License-Identifier: Apache-2.0
//
// From the server's certificate to a verdict, inside the handshake: records it, tells it, and
// refuses. For the OpenSSL door; on the thread of the connection.
#pragma once

#include "tls/connection.h"

namespace cotter::tls {

// VerifyCertificate is what libssl calls in place of X509_verify_cert, once for each full
// handshake, when the server's certificate has arrived and nothing secret has left.
[[nodiscard]] int VerifyCertificate(X509_STORE_CTX* context, void* unused);

// RecordResumed records the verdict of a resumed handshake, whose session has a note: what is known
// from the first one is judged again, told and handed out as a new verdict is.
void RecordResumed(Connection& connection, const SSL* ssl, const SessionNote& note);

// JudgeUse brings the record of a settled connection up to the policy that is in force now, and
// tells where that refuses it. False where the policy is the one of the record, and nothing
// happens.
[[nodiscard]] bool JudgeUse(Connection& connection, const SSL* ssl);

// RecordRefusal makes the record of `connection` a refusal and hands it out.
void RecordRefusal(Connection& connection, const SSL* ssl, Error why);

// Forget takes from `connection` what it knows of an earlier handshake.
void Forget(Connection& connection) noexcept;

// HandOut gives the record of `connection` to the handler of its context. False where that threw,
// so that nobody may rely on its having been seen.
[[nodiscard]] bool HandOut(const Connection& connection) noexcept;

}  // namespace cotter::tls
