// SPDX-License-Identifier: Apache-2.0
#include "gnutls/connection.h"

#include <cerrno>
#include <utility>

namespace cotter::tls {
namespace {

// GnuTLS frees the private data of extensions with their session, and this extension is never sent.
// Its number is of those for private use (RFC 8446, 11).
constexpr unsigned kExtension = 0xFFC7;

// How GnuTLS names the kind of a private datum is a pointer.
gnutls_ext_priv_data_t AsData(GnutlsConnection* connection) noexcept { return connection; }

void FreeConnection(gnutls_ext_priv_data_t data) {
  const std::unique_ptr<GnutlsConnection> owner(static_cast<GnutlsConnection*>(data));
}

int SendNothing(gnutls_session_t /*session*/, gnutls_buffer_t /*data*/) { return 0; }
int TakeNothing(gnutls_session_t /*session*/, const unsigned char* /*data*/, std::size_t /*size*/) {
  return 0;
}

ssize_t FailToPush(gnutls_transport_ptr_t /*transport*/, const void* /*data*/,
                   std::size_t /*size*/) {
  errno = EPIPE;
  return -1;
}
ssize_t FailToPushVector(gnutls_transport_ptr_t /*transport*/, const giovec_t* /*parts*/,
                         int /*count*/) {
  errno = EPIPE;
  return -1;
}
ssize_t FailToPull(gnutls_transport_ptr_t /*transport*/, void* /*data*/, std::size_t /*size*/) {
  errno = EPIPE;
  return -1;
}

}  // namespace

bool HangOn(gnutls_session_t session, std::unique_ptr<GnutlsConnection> connection) {
  const int registered = gnutls_session_ext_register(
      session, "cotter", static_cast<int>(kExtension), GNUTLS_EXT_TLS, TakeNothing, SendNothing,
      FreeConnection, nullptr, nullptr,
      GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_DTLS);
  if (registered != GNUTLS_E_SUCCESS) return false;
  gnutls_ext_set_data(session, kExtension, AsData(connection.get()));
  if (ConnectionOf(session) != connection.get()) return false;
  (void)connection.release();  // freed with the session
  return true;
}

GnutlsConnection* ConnectionOf(gnutls_session_t session) noexcept {
  gnutls_ext_priv_data_t data = nullptr;
  if (gnutls_ext_get_data(session, kExtension, &data) != 0) return nullptr;
  return static_cast<GnutlsConnection*>(data);
}

void Kill(gnutls_session_t session) noexcept {
  gnutls_transport_set_push_function(session, FailToPush);
  gnutls_transport_set_vec_push_function(session, FailToPushVector);
  gnutls_transport_set_pull_function(session, FailToPull);
}

}  // namespace cotter::tls
