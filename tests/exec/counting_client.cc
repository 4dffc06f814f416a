// SPDX-License-Identifier: Apache-2.0
//
// A program that counts the signatures that are verified for one of its connections: those of
// certificates, which X509_verify does for libcrypto wherever they are verified, and which the
// dynamic linker finds here. It connects to localhost and prints the count.
//
//   counting_client PORT ROOTS           as curl does: OpenSSL verifies, no name is given to it
//   counting_client PORT ROOTS callback  with a callback of its own, which says what OpenSSL says
//   counting_client PORT ROOTS dane      with a TLSA record that the server does not satisfy
#include <array>
#include <atomic>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "openssl_handles.h"

namespace {

std::atomic<int> verified{0};

int Repeat(int ok, X509_STORE_CTX* /*context*/) { return ok; }

// DemandAnotherKey sets DANE up, and takes away the name that goes with it.
bool DemandAnotherKey(SSL_CTX* context, SSL* ssl) {
  constexpr std::array<unsigned char, 32> kNoDigest = {1};
  // "3 1 1": the SHA-256 digest of the server's own key (RFC 6698, 2.1).
  return SSL_CTX_dane_enable(context) == 1 && SSL_dane_enable(ssl, "localhost") == 1 &&
         SSL_dane_tlsa_add(ssl, 3, 1, 1, kNoDigest.data(), kNoDigest.size()) == 1 &&
         X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), nullptr, 0) == 1;
}

bool Run(const std::vector<std::string>& words) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  const std::string mode = words.size() > 3 ? words[3] : "";
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, mode == "callback" ? Repeat : nullptr);
  if (SSL_CTX_load_verify_file(context.get(), words[2].c_str()) != 1) return false;
  BIO* const bio = BIO_new_connect(("localhost:" + words[1]).c_str());
  const Connection ssl(SSL_new(context.get()));
  if (bio == nullptr || !ssl || BIO_do_connect(bio) != 1) return false;
  SSL_set_bio(ssl.get(), bio, bio);
  std::string name = "localhost";
  SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  if (mode == "dane" && !DemandAnotherKey(context.get(), ssl.get())) return false;
  verified = 0;
  const bool connected = SSL_connect(ssl.get()) == 1;
  std::cout << verified << "\n";
  return connected && SSL_get0_verified_chain(ssl.get()) != nullptr;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int X509_verify(X509* certificate,
                                                                  EVP_PKEY* key) {
  static const auto real =
      reinterpret_cast<int (*)(X509*, EVP_PKEY*)>(dlsym(RTLD_NEXT, "X509_verify"));
  ++verified;
  return real(certificate, key);
}

int main(int count, char** words) {
  return Run(std::vector<std::string>(words, words + count)) ? 0 : 1;
}
