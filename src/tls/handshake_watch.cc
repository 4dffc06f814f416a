// SPDX-License-Identifier: Apache-2.0
#include "tls/handshake_watch.h"

#include "tls/suites.h"
#include "tls/verdict.h"

namespace cotter::tls {
namespace {

// SendName sets SNI, unless the program chose a name already or the host is an address (RFC 6066,
// 3).
bool SendName(SSL* ssl, const HostName& host) {
  if (host.is_ip() || SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != nullptr) return true;
  // SSL_set_tlsext_host_name, without the macro's old-style cast.
  std::string name(host.text());
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

// ChooseSession offers the session that the program set or that is kept, where it may be resumed,
// and none otherwise.
bool ChooseSession(SSL* ssl, const Connection& connection) {
  const Enforcer::Shared& shared = *connection.shared;
  if (shared.resume == Resumption::kOff || !connection.endpoint) {
    return SSL_set_session(ssl, nullptr) == 1;
  }
  const std::shared_ptr<const PolicyIndex> policy = shared.policy->Current();
  const Time now = shared.now();
  const Digest binding = shared.binder.Bind(policy, *connection.endpoint, *shared.trust, ssl);
  if (!MayResume(SSL_get_session(ssl), binding, *policy, now)) {
    const SessionPtr kept = shared.sessions.Take(binding);
    const bool fits = MayResume(kept.get(), binding, *policy, now);
    if (SSL_set_session(ssl, fits ? kept.get() : nullptr) != 1) return false;
  }
  return SSL_set_session_id_context(ssl, binding.bytes.data(),
                                    static_cast<unsigned>(binding.bytes.size())) == 1;
}

// Begin meets a handshake before its ClientHello is made. There is no way to fail here: what could
// not be set is left to the verifier to refuse.
void Begin(SSL* ssl) {
  Connection* const connection = Adopt(ssl);
  if (connection == nullptr) return;  // the verifier refuses it
  Forget(*connection);
  connection->begun = true;
  connection->unarmed = true;
  connection->unarmed = !Arm(ssl, *connection) || !ChooseSession(ssl, *connection);
}

// End meets a handshake that libssl takes for a success.
void End(SSL* ssl) {
  Connection* const connection = Adopt(ssl);
  if (connection == nullptr) return Kill(ssl);
  if (connection->settled) return;  // told of the same handshake twice
  if (!connection->record && !connection->unarmed && connection->endpoint &&
      connection->shared->resume == Resumption::kBound && SSL_session_reused(ssl) == 1) {
    const SessionNote* const note = NoteOf(SSL_get_session(ssl));
    // A program may have asked for another name since its session was made: then it says nothing.
    const bool same = note != nullptr &&
                      note->evidence->endpoint.host == connection->endpoint->host &&
                      note->evidence->endpoint.port == connection->endpoint->port;
    if (same) RecordResumed(*connection, ssl, *note);
  }
  connection->begun = false;
  const bool was_allowed = connection->record && !connection->record->code;
  const std::optional<Error> why = Settle(ssl, *connection);
  if (!why) return;
  Kill(ssl);
  const bool has_refusal = connection->record && connection->record->code;
  if (!has_refusal) return RecordRefusal(*connection, ssl, *why);
  // What was handed out as allowed, and fell to a policy that came meanwhile, is taken back.
  if (was_allowed) (void)HandOut(*connection);
}

}  // namespace

bool Arm(SSL* ssl, const Connection& connection) {
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
  if (!RemoveUnverifiedSuites(ssl)) return false;
  const bool names = !connection.adopted || connection.context->options.endpoint;
  if (connection.endpoint && names && !SendName(ssl, connection.endpoint->host)) return false;
  // libssl calls no verifier on resumption, but it ends the handshake where a session's context
  // differs from the connection's. So none fits, until ChooseSession says otherwise.
  const SessionContext context = ForeignContext(*connection.shared);
  return SSL_set_session_id_context(ssl, context.data(), static_cast<unsigned>(context.size())) ==
         1;
}

namespace {

// WhyUnfit says what contradicts that the handshake of `ssl`, which is over, is the one that
// `connection` has an allowed record of; nullopt where nothing does.
std::optional<Error> WhyUnfit(const SSL* ssl, const Connection& connection) {
  if (!connection.record) {
    return Error{Code::kNoVerifiedPath, "the handshake ended without a verdict"};
  }
  const ConnectionRecord& record = *connection.record;
  if (record.code || !record.verdict.allowed()) {
    return Error{record.code.value_or(Code::kInternal), record.message};
  }
  if ((SSL_session_reused(ssl) == 1) != record.resumed || SSL_get_verify_result(ssl) != X509_V_OK ||
      !HasVerifiedSuite(ssl)) {
    return Error{Code::kNoVerifiedPath, "the handshake that ended is not the one judged"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> Settle(SSL* ssl, Connection& connection) {
  connection.settled = true;
  if (std::optional<Error> why = WhyUnfit(ssl, connection)) return why;
  // Watched first, so that a swap of the policy is met by the watch or by the look after it.
  if (connection.live.connection() == nullptr) {
    connection.live = connection.shared->live.Watch(connection.evidence, connection.record->policy,
                                                    SocketOf(connection, ssl));
  }
  return JudgeUse(connection, ssl) ? WhyUnfit(ssl, connection) : std::nullopt;
}

int KeepSession(SSL* ssl, SSL_SESSION* session) {
  const Connection* const connection = ConnectionOf(ssl);
  if (connection == nullptr || connection->shared->resume == Resumption::kOff) return 0;
  SSL_SESSION_set_max_early_data(session, 0);
  const bool allowed = connection->record && !connection->record->code;
  if (!allowed || NoteOf(session) == nullptr) return 0;
  try {
    // A copy: OpenSSL makes the session itself unusable where the SSL is freed without
    // SSL_shutdown, as CPython's ssl does whatever the program calls. RFC 5246, 7.2.1 asks for that
    // no more.
    SessionPtr copy(SSL_SESSION_dup(session));
    if (copy) connection->shared->sessions.Add(std::move(copy), connection->shared->now());
  } catch (...) {  // it is not kept, which costs a full handshake
    return 0;
  }
  const ContextState* const state = StateOf(SSL_get_SSL_CTX(ssl));
  const bool shared = state != nullptr && state->program_session != nullptr;
  return shared ? state->program_session(ssl, session) : 0;
}

void WatchHandshake(const SSL* ssl, int where, int result) {
  const Connection* const known = ConnectionOf(ssl);
  const ContextState* const state = known == nullptr ? StateOf(SSL_get_SSL_CTX(ssl)) : nullptr;
  const InfoCallback program = known != nullptr   ? known->program_info
                               : state != nullptr ? state->program_info
                                                  : nullptr;
  if (program != nullptr) program(ssl, where, result);
  if ((where & (SSL_CB_HANDSHAKE_START | SSL_CB_HANDSHAKE_DONE)) == 0) return;
  SSL* const own = SelfOf(ssl);
  if (own == nullptr || SSL_is_server(ssl) != 0) return;
  try {
    if ((where & SSL_CB_HANDSHAKE_START) != 0) Begin(own);
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) End(own);
  } catch (...) {  // without memory: nothing may throw through C frames, so nothing may go on
    if (Connection* const connection = ConnectionOf(own)) connection->record.reset();
    Kill(own);
  }
}

}  // namespace cotter::tls
