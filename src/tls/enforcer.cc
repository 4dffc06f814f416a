// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "tls/judge.h"
#include "tls/suites.h"
#include <cotter/openssl.h>

namespace cotter::tls {

struct Enforcer::Shared {
  std::shared_ptr<const PolicyIndex> policy;
  std::shared_ptr<const TrustStore> trust;
  std::function<Time()> now;
  std::function<void(const Violation&)> on_violation;

  // A session context that no other connection of any process has: what is random in it is drawn
  // once, because drawing it for each connection would cost more than judging.
  std::array<unsigned char, SSL_MAX_SID_CTX_LENGTH> session_context{};
  mutable std::atomic<std::uint64_t> connections{0};
};

namespace {

// Connection is what hangs on one SSL.
struct Connection {
  std::shared_ptr<const Enforcer::Shared> shared;
  Endpoint endpoint;
  std::optional<ConnectionRecord> record;
};

void FreeConnection(void* /*parent*/, void* connection, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                    long /*argl*/, void* /*argp*/) {
  const std::unique_ptr<Connection> owner(static_cast<Connection*>(connection));
}

// ForgetOnDuplicate gives a duplicate of an SSL (SSL_dup) no connection: it was not attached, so it
// is refused.
int ForgetOnDuplicate(CRYPTO_EX_DATA* /*to*/, const CRYPTO_EX_DATA* /*from*/, void** from_data,
                      int /*index*/, long /*argl*/, void* /*argp*/) {
  *from_data = nullptr;
  return 1;
}

int ConnectionIndex() noexcept {
  static const int index =
      SSL_get_ex_new_index(0, nullptr, nullptr, ForgetOnDuplicate, FreeConnection);
  return index;
}

// PreparedIndex is where an SSL_CTX says that it has the verifier.
int PreparedIndex() noexcept {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Connection* ConnectionOf(const SSL* ssl) noexcept {
  return static_cast<Connection*>(SSL_get_ex_data(ssl, ConnectionIndex()));
}

void FillRecord(const Connection& connection, const Judgement& judgement,
                ConnectionRecord& record) {
  record.policy = connection.shared->policy;
  record.verdict = judgement.verdict;
  record.paths.assign(judgement.verification.paths().begin(), judgement.verification.paths().end());
  record.found = FoundPins(record.paths);
  if (!judgement.verdict.allowed()) record.code = judgement.code();
  record.message = judgement.message();
}

// AlertError is the X509_V_ERR_ value that makes OpenSSL send the fitting alert.
int AlertError(const Judgement& judgement) noexcept {
  return judgement.verification.failure() ? judgement.verification.failure()->x509_error
                                          : X509_V_ERR_APPLICATION_VERIFICATION;
}

// IsViolation reports that pins, not PKI alone, are why a connection is refused or told of.
bool IsViolation(const Judgement& judgement) noexcept {
  const Outcome outcome = judgement.verdict.outcome;
  return outcome == Outcome::kReported ||
         (!judgement.verdict.allowed() && outcome != Outcome::kPkiError);
}

// Tell calls the handler. A handler can change nothing, so what it throws is dropped here, before
// it could reach the verdict or OpenSSL's frames.
void Tell(const Connection& connection, const SSL* ssl) noexcept {
  const ConnectionRecord& record = *connection.record;
  try {
    connection.shared->on_violation({.endpoint = connection.endpoint,
                                     .verdict = record.verdict,
                                     .found = record.found,
                                     .message = record.message,
                                     .socket = SSL_get_fd(ssl)});
  } catch (...) {
    return;
  }
}

// Judge records the verdict of the chain that OpenSSL holds in `context`.
bool Judge(Connection& connection, const SSL* ssl, X509_STORE_CTX* context) {
  connection.record.reset();
  Judgement judgement =
      JudgeConnection(*connection.shared->policy, connection.endpoint, *connection.shared->trust,
                      connection.shared->now(), X509_STORE_CTX_get0_cert(context),
                      X509_STORE_CTX_get0_untrusted(context));
  FillRecord(connection, judgement, connection.record.emplace());
  if (connection.shared->on_violation && IsViolation(judgement)) Tell(connection, ssl);
  if (!judgement.verdict.allowed()) {
    X509_STORE_CTX_set_error(context, AlertError(judgement));
    return false;
  }
  const std::size_t shown = judgement.verdict.match ? judgement.verdict.match->path_index : 0;
  X509_STORE_CTX_set0_verified_chain(context, judgement.verification.TakeChain(shown).release());
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return true;
}

// VerifyCertificate is what libssl calls in place of X509_verify_cert, once for each full
// handshake, when the server's certificate has arrived and nothing secret has left.
int VerifyCertificate(X509_STORE_CTX* context, void* /*unused*/) {
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  bool allowed = false;
  // Nothing may throw through C frames; whatever goes wrong here is a refusal.
  try {
    Connection* const connection = ssl == nullptr ? nullptr : ConnectionOf(ssl);
    X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
    allowed = connection != nullptr && Judge(*connection, ssl, context);
  } catch (...) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_OUT_OF_MEM);
    allowed = false;
  }
  if (allowed) return 1;
  // Under SSL_VERIFY_NONE libssl would note the refusal and go on. It reads the mode after this
  // call.
  if (ssl != nullptr) SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  return 0;
}

Error SettingRefused(std::string_view what) {
  ERR_clear_error();
  return Error{Code::kInternal, "OpenSSL refused to " + std::string(what)};
}

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

// Kill makes OpenSSL send and read nothing more.
Error Kill(SSL* ssl, Code code, std::string message) {
  SSL_set_quiet_shutdown(ssl, 1);
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return Error{code, std::move(message)};
}

}  // namespace

Result<Enforcer> Enforcer::Create(EnforcerOptions options) {
  if (!options.policy || !options.trust) {
    return Error{Code::kUsage, "an enforcer needs a policy and a trust store"};
  }
  if (ConnectionIndex() < 0 || PreparedIndex() < 0)
    return SettingRefused("reserve a place for connections");
  auto shared = std::make_shared<Shared>();
  if (RAND_bytes(shared->session_context.data(),
                 static_cast<int>(shared->session_context.size())) != 1) {
    return SettingRefused("give random numbers");
  }
  shared->policy = std::move(options.policy);
  shared->trust = std::move(options.trust);
  shared->on_violation = std::move(options.on_violation);
  shared->now = options.now ? std::move(options.now) : std::function<Time()>(base::Now);
  return Enforcer(std::move(shared));
}

Result<void> Enforcer::Prepare(ssl_ctx_st* context) {
  SSL_CTX_set_cert_verify_callback(context, VerifyCertificate, nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (!RemoveUnverifiedSuites(context)) return SettingRefused("remove suites without certificates");
  // Any value but null will do as the mark.
  if (SSL_CTX_set_ex_data(context, PreparedIndex(), context) != 1) {
    return SettingRefused("prepare the context");
  }
  return Ok();
}

Result<void> Enforcer::Attach(ssl_st* ssl, const Endpoint& endpoint) const {
  if (SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), PreparedIndex()) == nullptr) {
    return Error{Code::kUsage, "the SSL_CTX was not prepared for an enforcer"};
  }
  auto connection = std::make_unique<Connection>(
      Connection{.shared = shared_, .endpoint = endpoint, .record = std::nullopt});
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
  if (!RemoveUnverifiedSuites(ssl)) return SettingRefused("remove suites without certificates");
  if (!SendName(ssl, endpoint.host)) return SettingRefused("set the server name");
  if (!ForbidResumption(ssl, *shared_)) return SettingRefused("forbid session resumption");
  FreeConnection(nullptr, ConnectionOf(ssl), nullptr, 0, 0, nullptr);
  SSL_set_ex_data(ssl, ConnectionIndex(), nullptr);
  if (SSL_set_ex_data(ssl, ConnectionIndex(), connection.get()) != 1) {
    return SettingRefused("remember the connection");
  }
  (void)connection.release();  // freed with the SSL
  return Ok();
}

const ConnectionRecord* RecordOf(const ssl_st* ssl) noexcept {
  const Connection* const connection = ConnectionOf(ssl);
  return connection != nullptr && connection->record ? &*connection->record : nullptr;
}

Result<const ConnectionRecord*> Confirm(ssl_st* ssl) {
  Connection* const connection = ConnectionOf(ssl);
  if (connection == nullptr || !connection->record) {
    return Kill(ssl, Code::kNoVerifiedPath, "the handshake ended without a verdict");
  }
  ConnectionRecord& record = *connection->record;
  if (record.code || !record.verdict.allowed()) {
    return Kill(ssl, record.code.value_or(Code::kInternal), record.message);
  }
  if (SSL_is_init_finished(ssl) != 1 || SSL_session_reused(ssl) == 1 ||
      SSL_get_verify_result(ssl) != X509_V_OK || !HasVerifiedSuite(ssl)) {
    return Kill(ssl, Code::kNoVerifiedPath, "the handshake that ended is not the one judged");
  }
  record.tls_version = SSL_get_version(ssl);
  return &record;
}

}  // namespace cotter::tls
