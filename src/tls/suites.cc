// SPDX-License-Identifier: Apache-2.0
#include "tls/suites.h"

#include <string>
#include <string_view>

#include <openssl/objects.h>

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

bool HasAnonymous(const STACK_OF(SSL_CIPHER) * suites) noexcept {
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
    if (SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(suites, i)) == NID_auth_null) return true;
  }
  return false;
}

// Wanted is the cipher list that keeps what is wanted of `suites`. Those of TLS 1.3 are not in
// cipher lists.
std::string Wanted(const STACK_OF(SSL_CIPHER) * suites) {
  std::string wanted;
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
    const SSL_CIPHER* const suite = sk_SSL_CIPHER_value(suites, i);
    const bool is_tls13 = std::string_view(SSL_CIPHER_get_version(suite)) == "TLSv1.3";
    if (!IsWanted(suite) || is_tls13) continue;
    wanted.append(wanted.empty() ? "" : ":").append(SSL_CIPHER_get_name(suite));
  }
  return wanted;
}

}  // namespace

bool RemoveUnverifiedSuites(SSL* ssl) {
  SSL_set_psk_client_callback(ssl, nullptr);
  SSL_set_psk_use_session_callback(ssl, nullptr);
  const STACK_OF(SSL_CIPHER)* const suites = SSL_get_ciphers(ssl);
  if (!HasAnonymous(suites)) return true;
  const std::string wanted = Wanted(suites);
  // Where every suite of TLS 1.2 goes, TLS 1.3 remains.
  if (wanted.empty()) return SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1;
  return SSL_set_cipher_list(ssl, wanted.c_str()) == 1;
}

bool HasVerifiedSuite(const SSL* ssl) noexcept {
  const SSL_CIPHER* const suite = SSL_get_current_cipher(ssl);
  return suite != nullptr && IsWanted(suite);
}

}  // namespace cotter::tls
