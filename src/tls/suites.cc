// SPDX-License-Identifier: Apache-2.0
#include "tls/suites.h"

#include <openssl/objects.h>

#include "tls/connection.h"

namespace cotter::tls {
namespace {

bool IsVerified(const SSL_CIPHER* suite) noexcept {
  // TLS 1.3 suites say nothing of authentication: there it is a certificate or a PSK, and without a
  // PSK callback or a session it is a certificate.
  const int auth = SSL_CIPHER_get_auth_nid(suite);
  return auth == NID_auth_any || auth == NID_auth_rsa || auth == NID_auth_ecdsa ||
         auth == NID_auth_dss;
}

bool HasPsk(const SSL_CIPHER* suite) noexcept {
  const int exchange = SSL_CIPHER_get_kx_nid(suite);
  return exchange == NID_kx_psk || exchange == NID_kx_ecdhe_psk || exchange == NID_kx_dhe_psk ||
         exchange == NID_kx_rsa_psk || exchange == NID_kx_srp;
}

bool IsWanted(const SSL_CIPHER* suite) noexcept { return IsVerified(suite) && !HasPsk(suite); }

}  // namespace

int FilterSuites(const SSL* ssl, const SSL_CTX* context, int operation, int bits, int nid,
                 void* other, void* extra) {
  const bool asks_for_suite = (operation & SSL_SECOP_OTHER_TYPE) == SSL_SECOP_OTHER_CIPHER;
  const bool client = ssl == nullptr || SSL_is_server(ssl) == 0;
  if (asks_for_suite && client && other != nullptr &&
      !IsWanted(static_cast<const SSL_CIPHER*>(other))) {
    return 0;
  }
  const ContextState* const state = StateOf(ssl != nullptr ? SSL_get_SSL_CTX(ssl) : context);
  // A connection that was moved to a context of which nothing is known is given nothing.
  if (state == nullptr || state->security == nullptr) return 0;
  return state->security(ssl, context, operation, bits, nid, other, extra);
}

void ForbidPsk(SSL_CTX* context) noexcept {
  SSL_CTX_set_psk_client_callback(context, nullptr);
  SSL_CTX_set_psk_use_session_callback(context, nullptr);
}

void ForbidPsk(SSL* ssl) noexcept {
  SSL_set_psk_client_callback(ssl, nullptr);
  SSL_set_psk_use_session_callback(ssl, nullptr);
}

bool HasVerifiedSuite(const SSL* ssl) noexcept {
  const SSL_CIPHER* const suite = SSL_get_current_cipher(ssl);
  return suite != nullptr && IsWanted(suite);
}

}  // namespace cotter::tls
