// SPDX-License-Identifier: Apache-2.0
#include "tls/handshake_watch.h"

#include <cstring>

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

// ForbidResumption makes every session of elsewhere unusable on `ssl`: libssl calls no verifier on
// resumption, but it ends the handshake where a session's context differs from the connection's.
bool ForbidResumption(SSL* ssl, const Enforcer::Shared& shared) {
  auto context = shared.session_context;
  const std::uint64_t number = shared.connections.fetch_add(1, std::memory_order_relaxed);
  static_assert(sizeof number < SSL_MAX_SID_CTX_LENGTH);
  std::memcpy(context.data(), &number, sizeof number);
  return SSL_set_session(ssl, nullptr) == 1 &&
         SSL_set_session_id_context(ssl, context.data(), static_cast<unsigned>(context.size())) ==
             1;
}

// Begin meets a handshake before its ClientHello is made. There is no way to fail here: what could
// not be set is left to the verifier to refuse.
void Begin(SSL* ssl) {
  Connection* const connection = Adopt(ssl);
  if (connection == nullptr) return;  // the verifier refuses it
  connection->record.reset();
  connection->settled = false;
  connection->unarmed = !Arm(ssl, *connection);
}

// End meets a handshake that libssl takes for a success.
void End(SSL* ssl) {
  Connection* const connection = Adopt(ssl);
  if (connection != nullptr && connection->settled) return;  // told of the same handshake twice
  if (connection == nullptr) return Kill(ssl);
  connection->settled = true;
  std::optional<Error> why = WhyUnfit(ssl, *connection);
  if (!why) return;
  Kill(ssl);
  // A refusal has been handed out already; an allowed record that does not hold is taken back.
  if (!connection->record || !connection->record->code) {
    RecordRefusal(*connection, ssl, *std::move(why));
  }
}

InfoCallback ProgramCallback(const SSL* ssl) noexcept {
  if (const Connection* const connection = ConnectionOf(ssl)) {
    if (connection->program_info != nullptr) return connection->program_info;
  }
  const ContextState* const state = StateOf(SSL_get_SSL_CTX(ssl));
  return state == nullptr ? nullptr : state->program_info;
}

}  // namespace

bool Arm(SSL* ssl, const Connection& connection) {
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
  SSL_set_security_callback(ssl, FilterSuites);
  ForbidPsk(ssl);
  const bool names = !connection.context || connection.context->options.endpoint;
  if (connection.endpoint && names && !SendName(ssl, connection.endpoint->host)) return false;
  return ForbidResumption(ssl, *connection.shared);
}

std::optional<Error> WhyUnfit(const SSL* ssl, const Connection& connection) {
  if (!connection.record) {
    return Error{Code::kNoVerifiedPath, "the handshake ended without a verdict"};
  }
  const ConnectionRecord& record = *connection.record;
  if (record.code || !record.verdict.allowed()) {
    return Error{record.code.value_or(Code::kInternal), record.message};
  }
  if (SSL_session_reused(ssl) == 1 || SSL_get_verify_result(ssl) != X509_V_OK ||
      !HasVerifiedSuite(ssl)) {
    return Error{Code::kNoVerifiedPath, "the handshake that ended is not the one judged"};
  }
  return std::nullopt;
}

void WatchHandshake(const SSL* ssl, int where, int result) {
  if (const InfoCallback program = ProgramCallback(ssl)) program(ssl, where, result);
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
