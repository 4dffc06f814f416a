// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/clock.h"
#include "gnutls/connection.h"
#include "tls/record.h"

namespace cotter::tls {
namespace {

void Sweep(const std::weak_ptr<const GnutlsEnforcer::Shared>& weak) {
  const std::shared_ptr<const GnutlsEnforcer::Shared> shared = weak.lock();
  if (!shared) return;
  const EnforcerOptions& options = shared->options;
  for (const auto& lost : shared->live.Sweep(options.policy->Current(), options.now())) {
    Tell(options.on_violation, lost);
  }
}

Error SettingRefused(std::string_view what) {
  return Error{Code::kInternal, "GnuTLS refused to " + std::string(what)};
}

// HasOtherCredentials reports that `session` could do without a certificate of the server.
bool HasOtherCredentials(gnutls_session_t session) noexcept {
  for (const gnutls_credentials_type_t type : {GNUTLS_CRD_ANON, GNUTLS_CRD_PSK, GNUTLS_CRD_SRP}) {
    void* credentials = nullptr;
    if (gnutls_credentials_get(session, type, &credentials) == GNUTLS_E_SUCCESS &&
        credentials != nullptr) {
      return true;
    }
  }
  return false;
}

// IsClient reports that `session` is a client's. GnuTLS has no question for that, but only a server
// is asked for the name that its client sent.
bool IsClient(gnutls_session_t session) noexcept {
  char name[1];
  std::size_t size = 0;
  unsigned type = 0;
  return gnutls_server_name_get(session, name, &size, &type, 0) == GNUTLS_E_INVALID_REQUEST;
}

// Settled is what remains to be asserted after a handshake.
std::optional<Error> Settle(gnutls_session_t session, GnutlsConnection& connection) {
  if (std::optional<Error> why = WhyUnfit(session, connection)) return why;
  if (!connection.settled) {
    return Error{Code::kNoVerifiedPath, "the handshake has not ended, or its hook was replaced"};
  }
  // Watched first, so that a swap of the policy is met by the watch or by the look after it.
  if (connection.live.connection() == nullptr) {
    connection.live = connection.shared->live.Watch(connection.evidence, connection.record->policy,
                                                    connection.socket);
  }
  JudgeUse(connection);
  return WhyUnfit(session, connection);
}

}  // namespace

Result<GnutlsEnforcer> GnutlsEnforcer::Create(EnforcerOptions options) {
  if (!options.policy || !options.trust) {
    return Error{Code::kUsage, "an enforcer needs a policy and a trust store"};
  }
  if (options.resume != Resumption::kOff) {
    return Error{Code::kUsage, "sessions of GnuTLS are not resumed"};
  }
  if (!options.now) options.now = base::Now;
  options.on_violation = WithSource(options.policy, std::move(options.on_violation));
  auto shared = std::make_shared<Shared>();
  shared->options = std::move(options);
  shared->subscription = shared->options.policy->Subscribe(
      [weak = std::weak_ptr<const Shared>(shared)] { Sweep(weak); });
  return GnutlsEnforcer(std::move(shared));
}

void GnutlsEnforcer::Prepare(gnutls_certificate_credentials_st* credentials) noexcept {
  gnutls_certificate_set_verify_function(credentials, RefusePeer);
}

Result<void> GnutlsEnforcer::Attach(gnutls_session_int* session, const Endpoint& endpoint) const {
  if (!IsClient(session)) return Error{Code::kUsage, "the session is a server's"};
  if (HasOtherCredentials(session)) {
    return Error{Code::kUsage, "the session has credentials that need no certificate"};
  }
  if (ConnectionOf(session) != nullptr) {
    return Error{Code::kUsage, "the session is attached already"};
  }
  const std::string_view host = endpoint.host.text();
  if (!endpoint.host.is_ip() && gnutls_server_name_set(session, GNUTLS_NAME_DNS, host.data(),
                                                       host.size()) != GNUTLS_E_SUCCESS) {
    return SettingRefused("set the server name");
  }
  if (!HangOn(session, std::make_unique<GnutlsConnection>(
                           GnutlsConnection{.shared = shared_, .endpoint = endpoint}))) {
    return SettingRefused("remember the connection");
  }
  gnutls_session_set_verify_function(session, VerifyPeer);
  gnutls_handshake_set_hook_function(session, static_cast<unsigned>(GNUTLS_HANDSHAKE_ANY),
                                     GNUTLS_HOOK_BOTH, WatchHandshake);
  return Ok();
}

const ConnectionRecord* RecordOf(gnutls_session_int* session) noexcept {
  const GnutlsConnection* const connection = ConnectionOf(session);
  return connection != nullptr && connection->record ? &*connection->record : nullptr;
}

Result<const ConnectionRecord*> Confirm(gnutls_session_int* session) {
  GnutlsConnection* const connection = ConnectionOf(session);
  const std::optional<Error> why =
      connection == nullptr ? Error{Code::kNoVerifiedPath, "no enforcer is attached to the session"}
                            : Settle(session, *connection);
  if (!why) return &*connection->record;
  Kill(session);
  return *why;
}

Result<void> CheckUse(gnutls_session_int* session) {
  const GnutlsConnection* const connection = ConnectionOf(session);
  const bool known = connection != nullptr && connection->live.connection() != nullptr &&
                     connection->record && !connection->record->code;
  if (known && connection->record->policy == connection->shared->options.policy->Current()) {
    return Ok();
  }
  const Result<const ConnectionRecord*> confirmed = Confirm(session);
  return confirmed ? Ok() : Result<void>(confirmed.error());
}

void UseSocket(gnutls_session_int* session, int socket) noexcept {
  GnutlsConnection* const connection = ConnectionOf(session);
  if (connection == nullptr) return;
  connection->socket = socket;
  if (LiveConnection* const live = connection->live.connection()) {
    connection->shared->live.UseSocket(*live, socket);
  }
}

}  // namespace cotter::tls
