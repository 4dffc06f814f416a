// SPDX-License-Identifier: Apache-2.0
#include "tests/attacks/doors/careless.h"

#include <openssl/ssl.h>

namespace cotter::attacks {
namespace {

// GivePsk has the identity and the key of the table's server.
unsigned GivePsk(SSL* /*ssl*/, const char* /*hint*/, char* identity, unsigned identity_size,
                 unsigned char* key, unsigned key_size) {
  const std::string_view name = "lab";
  constexpr unsigned kKeySize = 16;
  if (identity_size <= name.size() || key_size < kKeySize) return 0;
  identity[name.copy(identity, name.size())] = '\0';
  for (unsigned i = 0; i < kKeySize; ++i) key[i] = static_cast<unsigned char>(i + 1);
  return kKeySize;
}

}  // namespace

void BeCarelessBefore(ssl_st* ssl, const GetRequest& request) {
  if (request.IsCareless("psk")) SSL_set_psk_client_callback(ssl, GivePsk);
  if (request.IsCareless("anonymous")) SSL_set_cipher_list(ssl, "ALL:aNULL:@SECLEVEL=0");
}

void OfferCertificate(ssl_st* ssl, const GetRequest& request) {
  if (request.certificate.empty()) return;
  COTTER_CHECK(SSL_use_certificate_chain_file(ssl, request.certificate.c_str()) == 1);
  COTTER_CHECK(SSL_use_PrivateKey_file(ssl, request.key.c_str(), SSL_FILETYPE_PEM) == 1);
}

}  // namespace cotter::attacks
