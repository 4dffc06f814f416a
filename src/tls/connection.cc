// SPDX-License-Identifier: Apache-2.0
#include "tls/connection.h"

#include <cstring>
#include <utility>

#include <openssl/err.h>

#include "base/idna.h"

namespace cotter::tls {
namespace {

void FreeConnection(void* /*parent*/, void* connection, CRYPTO_EX_DATA* /*data*/, int /*index*/,
                    long /*argl*/, void* /*argp*/) {
  const std::unique_ptr<Connection> owner(static_cast<Connection*>(connection));
}

// ForgetOnDuplicate gives a duplicate of an SSL (SSL_dup) no connection: it was not attached, so it
// is refused, unless its context is.
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

void RememberSelf(void* ssl, void* /*value*/, CRYPTO_EX_DATA* data, int index, long /*argl*/,
                  void* /*argp*/) {
  // Without memory there is no note, and SelfOf answers null.
  (void)CRYPTO_set_ex_data(data, index, ssl);
}

// KeepSelf lets a duplicate keep what it noted of itself when it was made.
int KeepSelf(CRYPTO_EX_DATA* to, const CRYPTO_EX_DATA* /*from*/, void** from_data, int index,
             long /*argl*/, void* /*argp*/) {
  *from_data = CRYPTO_get_ex_data(to, index);
  return 1;
}

int SelfIndex() noexcept {
  static const int index = SSL_get_ex_new_index(0, nullptr, RememberSelf, KeepSelf, nullptr);
  return index;
}

using StatePtr = std::shared_ptr<const ContextState>;

void FreeState(void* /*parent*/, void* state, CRYPTO_EX_DATA* /*data*/, int /*index*/,
               long /*argl*/, void* /*argp*/) {
  const std::unique_ptr<StatePtr> owner(static_cast<StatePtr*>(state));
}

int StateIndex() noexcept {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeState);
  return index;
}

StatePtr* HolderOf(const SSL_CTX* context) noexcept {
  return static_cast<StatePtr*>(SSL_CTX_get_ex_data(context, StateIndex()));
}

Result<Endpoint> EndpointFrom(std::string_view name, std::uint16_t port) {
  Result<HostName> host = HostName::Parse(name, &base::Idna());
  if (!host) return host.error();
  return Endpoint{*std::move(host), port};
}

// EndpointOf is what `ssl` itself says that it connects to.
Result<Endpoint> EndpointOf(SSL* ssl, const ContextOptions& options) {
  if (options.endpoint) return *options.endpoint;
  X509_VERIFY_PARAM* const param = SSL_get0_param(ssl);
  if (const char* const name = X509_VERIFY_PARAM_get0_host(param, 0)) {
    if (X509_VERIFY_PARAM_get0_host(param, 1) == nullptr) return EndpointFrom(name, options.port);
    return Error{Code::kHostInvalid, "the connection is for several hosts at once"};
  }
  const std::unique_ptr<char, decltype([](char* text) { OPENSSL_free(text); })> address(
      X509_VERIFY_PARAM_get1_ip_asc(param));
  if (address) return EndpointFrom(address.get(), options.port);
  ERR_clear_error();
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) return EndpointFrom(name, options.port);
  return Error{Code::kHostInvalid, "the connection names no host that it is for"};
}

}  // namespace

bool ReserveIndexes() noexcept {
  return ConnectionIndex() >= 0 && SelfIndex() >= 0 && StateIndex() >= 0 && ReserveSessionIndex();
}

SSL* SelfOf(const SSL* ssl) noexcept {
  return static_cast<SSL*>(SSL_get_ex_data(ssl, SelfIndex()));
}

Connection* ConnectionOf(const SSL* ssl) noexcept {
  return static_cast<Connection*>(SSL_get_ex_data(ssl, ConnectionIndex()));
}

bool HangOn(SSL* ssl, std::unique_ptr<Connection> connection) noexcept {
  const std::unique_ptr<Connection> before(ConnectionOf(ssl));
  if (SSL_set_ex_data(ssl, ConnectionIndex(), connection.get()) != 1) {
    // Where there was one, its place is there, so this cannot have failed.
    COTTER_CHECK(before == nullptr);
    return false;
  }
  (void)connection.release();  // freed with the SSL
  return true;
}

const ContextState* StateOf(const SSL_CTX* context) noexcept {
  const StatePtr* const holder = HolderOf(context);
  return holder == nullptr ? nullptr : holder->get();
}

StatePtr ShareState(const SSL_CTX* context) noexcept {
  const StatePtr* const holder = HolderOf(context);
  return holder != nullptr && (*holder)->shared ? *holder : nullptr;
}

bool HangOn(SSL_CTX* context, StatePtr state) {
  auto holder = std::make_unique<StatePtr>(std::move(state));
  const std::unique_ptr<StatePtr> before(HolderOf(context));
  if (SSL_CTX_set_ex_data(context, StateIndex(), holder.get()) != 1) {
    COTTER_CHECK(before == nullptr);  // as above
    return false;
  }
  (void)holder.release();  // freed with the SSL_CTX
  return true;
}

Connection* Adopt(SSL* ssl) {
  Connection* const known = ConnectionOf(ssl);
  // A connection of a context may be used again for another host, so it is asked each time.
  if (known != nullptr) {
    if (known->adopted) known->endpoint = EndpointOf(ssl, known->context->options);
    return known;
  }
  StatePtr state = ShareState(SSL_get_SSL_CTX(ssl));
  if (!state) return nullptr;
  auto connection = std::make_unique<Connection>(
      Connection{.shared = state->shared, .endpoint = EndpointOf(ssl, state->options)});
  connection->adopted = true;
  connection->program_info = state->program_info;
  connection->context = std::move(state);
  return HangOn(ssl, std::move(connection)) ? ConnectionOf(ssl) : nullptr;
}

SessionContext ForeignContext(const Enforcer::Shared& shared) noexcept {
  SessionContext context = shared.session_context;
  const std::uint64_t number = shared.connections.fetch_add(1, std::memory_order_relaxed);
  static_assert(sizeof number < SSL_MAX_SID_CTX_LENGTH);
  std::memcpy(context.data(), &number, sizeof number);
  return context;
}

int SocketOf(const Connection& connection, const SSL* ssl) noexcept {
  return connection.socket >= 0 ? connection.socket : SSL_get_fd(ssl);
}

Error SettingRefused(std::string_view what) {
  ERR_clear_error();
  return Error{Code::kInternal, "OpenSSL refused to " + std::string(what)};
}

void Kill(SSL* ssl) noexcept {
  SSL_set_quiet_shutdown(ssl, 1);
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

}  // namespace cotter::tls
