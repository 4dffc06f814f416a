// SPDX-License-Identifier: Apache-2.0
//
// The GnuTLS door: enforce a policy on TLS client sessions that a program makes with GnuTLS. The
// enforcer can only reject. It takes the server's certificates as bytes and verifies them itself,
// so that it agrees with the other doors; whatever the program asked of GnuTLS, the verdict falls
// inside the handshake, before the client's certificate and Finished.
//
//   auto enforcer = GnutlsEnforcer::Create({.policy = HoldPolicy(policy), .trust = trust});
//   GnutlsEnforcer::Prepare(credentials);                  // once: sessions nobody attached fail
//   gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
//   auto attached = enforcer->Attach(session, Endpoint{host, 443});  // also sets SNI
//   gnutls_handshake(session);                             // fails on a refusal
//   auto record = Confirm(session);                        // required, before any data
//
// GnuTLS has one place for a verification function and one for a handshake hook in each session;
// the program must use neither. It must not offer a session (gnutls_session_set_data), so none is
// resumed and nothing is sent early: GnuTLS asks no verifier then, and the handshake is refused.
// Anonymous, PSK and SRP suites and raw public keys show no certificate and are refused, as is a
// second handshake on one session.
//
// A GnutlsEnforcer is immutable and may be used from any thread; a session belongs to one thread.
#pragma once

#include <memory>

#include <cotter/openssl.h>

struct gnutls_session_int;
struct gnutls_certificate_credentials_st;

namespace cotter::tls {

// GnutlsEnforcer attaches a policy to sessions.
class GnutlsEnforcer {
 public:
  // Create checks that the options are complete. Fails with kUsage, also where sessions are to be
  // resumed.
  [[nodiscard]] static Result<GnutlsEnforcer> Create(EnforcerOptions options);

  // Prepare makes every handshake fail that uses `credentials` in a session which no enforcer is
  // attached to.
  static void Prepare(gnutls_certificate_credentials_st* credentials) noexcept;

  // Attach prepares `session`, a client's before its handshake, for `endpoint`: the name that the
  // caller asked for, which the policy is looked up by, the certificate is checked against, and SNI
  // is set to, unless it is an address. Fails with kUsage for a server's session, one that has
  // anonymous, PSK or SRP credentials, or one that is attached already; with kInternal where GnuTLS
  // refuses a setting. The session must not be used then.
  [[nodiscard]] Result<void> Attach(gnutls_session_int* session, const Endpoint& endpoint) const;

  // Shared is the immutable part; opaque.
  struct Shared;

 private:
  explicit GnutlsEnforcer(std::shared_ptr<const Shared> shared) : shared_(std::move(shared)) {}

  std::shared_ptr<const Shared> shared_;
};

// RecordOf is the verdict that the handshake of `session` has come to so far, allowed or not; null
// where there is none. Borrowed from `session`.
[[nodiscard]] const ConnectionRecord* RecordOf(gnutls_session_int* session) noexcept;

// Confirm asserts, after the handshake and before any data, that this very handshake was judged and
// allowed, and that the policy in force upholds it. Where that is not so the session is killed: its
// transport fails from then on. Fails with the code of the refusal, or kNoVerifiedPath where no
// verdict was recorded. The result is borrowed from `session`.
[[nodiscard]] Result<const ConnectionRecord*> Confirm(gnutls_session_int* session);

// CheckUse is asked before each use of a session that stays open. While the policy is the one that
// allowed it, that is one comparison; after a swap it is judged again. Fails and kills as Confirm
// does, and tells the handler of violations. Where UseSocket named its socket, that is shut down by
// the swap itself.
[[nodiscard]] Result<void> CheckUse(gnutls_session_int* session);

// UseSocket names the socket of an attached session, for Violation::socket and for swaps of the
// policy: GnuTLS does not tell a descriptor from a program's own pointer. Borrowed until the
// session is freed; it may be closed before that.
void UseSocket(gnutls_session_int* session, int socket) noexcept;

}  // namespace cotter::tls
