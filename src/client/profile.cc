// SPDX-License-Identifier: Apache-2.0
#include "client/profile.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "client/curl_library.h"

namespace cotter::client {
namespace {

using SecurityCallback = int (*)(const SSL*, const SSL_CTX*, int, int, int, void*, void*);

// DefaultSecurity is OpenSSL's own judgement of suites, groups and keys.
SecurityCallback DefaultSecurity() noexcept {
  static const SecurityCallback callback = [] {
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    const SecurityCallback found =
        context == nullptr ? nullptr : SSL_CTX_get_security_callback(context);
    SSL_CTX_free(context);
    return found;
  }();
  return callback;
}

bool IsStrong(const SSL_CIPHER* suite) noexcept {
  const int exchange = SSL_CIPHER_get_kx_nid(suite);
  return SSL_CIPHER_is_aead(suite) == 1 &&
         (exchange == NID_kx_any || exchange == NID_kx_ecdhe || exchange == NID_kx_dhe);
}

int FilterSuites(const SSL* ssl, const SSL_CTX* context, int operation, int bits, int nid,
                 void* other, void* extra) {
  // The mask has the highest bit set, so that it is unsigned.
  const bool asks_for_suite =
      (static_cast<unsigned>(operation) & SSL_SECOP_OTHER_TYPE) == SSL_SECOP_OTHER_CIPHER;
  if (asks_for_suite && other != nullptr && !IsStrong(static_cast<const SSL_CIPHER*>(other))) {
    return 0;
  }
  const SecurityCallback next = DefaultSecurity();
  return next == nullptr ? 0 : next(ssl, context, operation, bits, nid, other, extra);
}

}  // namespace

Result<void> CheckProfile(Profile profile) {
  if (profile != Profile::kFips) return Ok();
  if (OSSL_PROVIDER_available(nullptr, "fips") == 1 &&
      EVP_default_properties_is_fips_enabled(nullptr) == 1) {
    return Ok();
  }
  return Error{Code::kFipsUnavailable,
               "the fips profile needs OpenSSL to run on its FIPS provider, and it does not"};
}

long LowestVersion(Profile profile) noexcept {
  return profile == Profile::kModern ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
}

void RestrictSuites(ssl_ctx_st* context) noexcept {
  SSL_CTX_set_security_callback(context, FilterSuites);
}

}  // namespace cotter::client
