// SPDX-License-Identifier: Apache-2.0
#include "tests/attacks/doors/careless.h"

#include <memory>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "tls/openssl_ptr.h"

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

using SessionPtr = std::unique_ptr<SSL_SESSION, tls::FreeWith<SSL_SESSION_free>>;

}  // namespace

void OfferSession(ssl_st* ssl, const GetRequest& request) {
  if (request.load_session.empty()) return;
  const tls::BioPtr file(BIO_new_file(request.load_session.c_str(), "r"));
  const SessionPtr session(PEM_read_bio_SSL_SESSION(file.get(), nullptr, nullptr, nullptr));
  COTTER_CHECK(session != nullptr && SSL_set_session(ssl, session.get()) == 1);
}

void SaveSession(ssl_st* ssl, const GetRequest& request) {
  if (request.save_session.empty()) return;
  const SessionPtr session(SSL_get1_session(ssl));
  COTTER_CHECK(session != nullptr && SSL_SESSION_is_resumable(session.get()) == 1);
  const tls::BioPtr file(BIO_new_file(request.save_session.c_str(), "w"));
  COTTER_CHECK(PEM_write_bio_SSL_SESSION(file.get(), session.get()) == 1);
}

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
