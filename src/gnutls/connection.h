// SPDX-License-Identifier: Apache-2.0
//
// What the GnuTLS door hangs on a session, and the functions that GnuTLS calls in a handshake. For
// this room only; on the thread of the session.
#pragma once

#include <gnutls/gnutls.h>
#include <memory>
#include <optional>
#include <string>

#include "tls/evidence.h"
#include "tls/live_connections.h"
#include <cotter/gnutls.h>

namespace cotter::tls {

struct GnutlsEnforcer::Shared {
  EnforcerOptions options;
  mutable LiveConnections live;        // guards itself
  std::shared_ptr<void> subscription;  // to swaps of the policy; ends first
};

// GnutlsConnection hangs on an attached session.
struct GnutlsConnection {
  std::shared_ptr<const GnutlsEnforcer::Shared> shared;
  Endpoint endpoint;
  std::optional<ConnectionRecord> record{};
  std::shared_ptr<const Evidence> evidence{};
  LiveConnections::Watched live{};
  int socket = -1;
  bool settled = false;  // a handshake has ended
};

// HangOn gives `session` a connection, which is freed with it. False where GnuTLS refuses.
[[nodiscard]] bool HangOn(gnutls_session_t session, std::unique_ptr<GnutlsConnection> connection);

// ConnectionOf is the connection of `session`, or null. Borrowed.
[[nodiscard]] GnutlsConnection* ConnectionOf(gnutls_session_t session) noexcept;

// VerifyPeer is the session's verification function.
[[nodiscard]] int VerifyPeer(gnutls_session_t session);

// RefusePeer is a verification function for sessions that no enforcer is attached to.
[[nodiscard]] int RefusePeer(gnutls_session_t session);

// WatchHandshake is the session's handshake hook. It refuses to send what must not be sent: a
// ClientHello that offers a session or follows on an earlier handshake, and a Finished without an
// allowed record.
[[nodiscard]] int WatchHandshake(gnutls_session_t session, unsigned type, unsigned when,
                                 unsigned incoming, const gnutls_datum_t* message);

// WhyUnfit says what contradicts that the handshake of `session` was judged and allowed; nullopt
// where nothing does.
[[nodiscard]] std::optional<Error> WhyUnfit(gnutls_session_t session,
                                            const GnutlsConnection& connection);

// JudgeUse brings the record up to the policy in force, and tells where that refuses it.
void JudgeUse(GnutlsConnection& connection);

// Kill makes the transport of `session` fail.
void Kill(gnutls_session_t session) noexcept;

}  // namespace cotter::tls
