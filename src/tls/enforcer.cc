// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include <openssl/rand.h>

#include "base/clock.h"
#include "tls/connection.h"
#include "tls/handshake_watch.h"
#include "tls/record.h"
#include "tls/verdict.h"
#include <cotter/openssl.h>

namespace cotter::tls {
namespace {

// Install puts the verifier and the watch into `context`, with `state`. What the program had there
// is kept once, however often this is called.
Result<void> Install(SSL_CTX* context, ContextState state) {
  if (const ContextState* const before = StateOf(context)) {
    state.program_info = before->program_info;
    state.program_session = before->program_session;
  } else {
    state.program_info = SSL_CTX_get_info_callback(context);
    state.program_session = SSL_CTX_sess_get_new_cb(context);
  }
  if (!HangOn(context, std::make_shared<const ContextState>(std::move(state)))) {
    return SettingRefused("prepare the context");
  }
  SSL_CTX_set_cert_verify_callback(context, VerifyCertificate, nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_info_callback(context, WatchHandshake);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  // libssl's own cache knows nothing of bindings; ours is told of new sessions.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, KeepSession);
  return Ok();
}

bool IsRefused(const Connection& connection) noexcept {
  return connection.record && connection.record->code.has_value();
}

// Sweep is what follows a swap of the policy.
void Sweep(const std::weak_ptr<const Enforcer::Shared>& weak) {
  const std::shared_ptr<const Enforcer::Shared> shared = weak.lock();
  if (!shared) return;
  for (const auto& lost : shared->live.Sweep(shared->policy->Current(), shared->now())) {
    Tell(shared->on_violation, lost);
  }
}

}  // namespace

Result<Enforcer> Enforcer::Create(EnforcerOptions options) {
  if (!options.policy || !options.trust) {
    return Error{Code::kUsage, "an enforcer needs a policy and a trust store"};
  }
  if (!ReserveIndexes()) return SettingRefused("reserve a place for connections");
  auto shared = std::make_shared<Shared>();
  if (RAND_bytes(shared->session_context.data(),
                 static_cast<int>(shared->session_context.size())) != 1) {
    return SettingRefused("give random numbers");
  }
  shared->policy = std::move(options.policy);
  shared->trust = std::move(options.trust);
  shared->on_violation = WithSource(shared->policy, std::move(options.on_violation));
  shared->resume = options.resume;
  shared->now = options.now ? std::move(options.now) : std::function<Time()>(base::Now);
  shared->subscription =
      shared->policy->Subscribe([weak = std::weak_ptr<const Shared>(shared)] { Sweep(weak); });
  return Enforcer(std::move(shared));
}

Result<void> Enforcer::Prepare(ssl_ctx_st* context) {
  if (!ReserveIndexes()) return SettingRefused("reserve a place for connections");
  ContextState state;
  if (const ContextState* const before = StateOf(context)) state = *before;
  return Install(context, std::move(state));
}

Result<void> Enforcer::AttachContext(ssl_ctx_st* context, ContextOptions options) const {
  if (options.port == 0) return Error{Code::kUsage, "a context needs a port, 1 to 65535"};
  // For connections whose watch the program takes away; the others get one each.
  const SessionContext foreign = ForeignContext(*shared_);
  if (SSL_CTX_set_session_id_context(context, foreign.data(),
                                     static_cast<unsigned>(foreign.size())) != 1) {
    return SettingRefused("forbid session resumption");
  }
  return Install(context, ContextState{.shared = shared_, .options = std::move(options)});
}

Result<void> Enforcer::Attach(ssl_st* ssl, const Endpoint& endpoint) const {
  const ContextState* const state = StateOf(SSL_get_SSL_CTX(ssl));
  if (state == nullptr) {
    return Error{Code::kUsage, "the SSL_CTX was not prepared for an enforcer"};
  }
  auto connection =
      std::make_unique<Connection>(Connection{.shared = shared_, .endpoint = endpoint});
  connection->context = ShareState(SSL_get_SSL_CTX(ssl));
  const InfoCallback program = SSL_get_info_callback(ssl);
  if (program != nullptr && program != WatchHandshake) {
    connection->program_info = program;
  } else {
    connection->program_info = state->program_info;
  }
  SSL_set_info_callback(ssl, WatchHandshake);
  if (!Arm(ssl, *connection)) return SettingRefused("prepare the connection");
  if (!HangOn(ssl, std::move(connection))) return SettingRefused("remember the connection");
  return Ok();
}

const ConnectionRecord* RecordOf(const ssl_st* ssl) noexcept {
  const Connection* const connection = ConnectionOf(ssl);
  return connection != nullptr && connection->record ? &*connection->record : nullptr;
}

Result<const ConnectionRecord*> Confirm(ssl_st* ssl) {
  Connection* const connection = ConnectionOf(ssl);
  std::optional<Error> why;
  if (connection == nullptr) {
    why = Error{Code::kNoVerifiedPath, "the handshake ended without a verdict"};
  } else if (SSL_is_init_finished(ssl) != 1 && !IsRefused(*connection)) {
    why = Error{Code::kNoVerifiedPath, "the handshake has not ended"};
  } else {
    why = Settle(ssl, *connection);
  }
  if (!why) return &*connection->record;
  Kill(ssl);
  return *std::move(why);
}

Result<void> CheckUse(ssl_st* ssl) {
  const Connection* const connection = ConnectionOf(ssl);
  const bool known =
      connection != nullptr && connection->live.connection() != nullptr && !IsRefused(*connection);
  if (known && connection->record->policy == connection->shared->policy->Current()) return Ok();
  const Result<const ConnectionRecord*> confirmed = Confirm(ssl);
  return confirmed ? Ok() : Result<void>(confirmed.error());
}

void UseSocket(ssl_st* ssl, int socket) noexcept {
  Connection* const connection = ConnectionOf(ssl);
  if (connection == nullptr) return;
  connection->socket = socket;
  if (connection->live.connection() != nullptr)
    connection->shared->live.UseSocket(*connection->live.connection(), socket);
}

}  // namespace cotter::tls
