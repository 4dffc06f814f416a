// SPDX-License-Identifier: Apache-2.0
//
// A program that demands more of a server than OpenSSL does by itself, for
// tests/exec/robustness_test.py: what it demands must count below cotter too. It connects to
// localhost and ends with 0 if the handshake succeeded.
//
//   strict_client PORT ROOTS nothing     no demand
//   strict_client PORT ROOTS callback    none: its callback does what OpenSSL does
//   strict_client PORT ROOTS purpose     a certificate of a client
//   strict_client PORT ROOTS depth       a leaf that the root itself has signed
//   strict_client PORT ROOTS time        a certificate that holds in the year 2100
//   strict_client PORT ROOTS crl         a list of revoked certificates
//   strict_client PORT ROOTS revocation  a function in its store has revoked everything
//   strict_client PORT ROOTS stack       its callback trusts other roots: none
//   strict_client PORT ROOTS watched     its callback looks at each certificate, and takes none
//   strict_client PORT ROOTS step        its callback checks signatures by itself, and takes none
#include <map>
#include <string>
#include <vector>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "openssl_handles.h"

namespace {

int Revoked(X509_STORE_CTX* context) {
  X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REVOKED);
  return 0;
}

int OnlyOpenssl(X509_STORE_CTX* context, void* /*argument*/) { return X509_verify_cert(context); }

int NoRoots(X509_STORE_CTX* context, void* /*argument*/) {
  static STACK_OF(X509)* const none = sk_X509_new_null();
  X509_STORE_CTX_set0_trusted_stack(context, none);
  return X509_verify_cert(context);
}

int Watched(X509_STORE_CTX* context, void* /*argument*/) {
  X509_STORE_CTX_set_verify_cb(context, [](int /*ok*/, X509_STORE_CTX* its_context) {
    X509_STORE_CTX_set_error(its_context, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  });
  return X509_verify_cert(context);
}

int OwnStep(X509_STORE_CTX* context, void* /*argument*/) {
  X509_STORE_CTX_set_verify(context, Revoked);
  return X509_verify_cert(context);
}

void Demand(SSL_CTX* context, const std::string& what) {
  constexpr time_t kYear2100 = 4102444800;
  const std::map<std::string, int (*)(X509_STORE_CTX*, void*)> callbacks = {
      {"callback", OnlyOpenssl}, {"stack", NoRoots}, {"watched", Watched}, {"step", OwnStep}};
  const auto callback = callbacks.find(what);
  if (callback != callbacks.end()) {
    SSL_CTX_set_cert_verify_callback(context, callback->second, nullptr);
  }
  X509_VERIFY_PARAM* const param = SSL_CTX_get0_param(context);
  if (what == "purpose") SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT);
  if (what == "depth") SSL_CTX_set_verify_depth(context, 0);
  if (what == "time") X509_VERIFY_PARAM_set_time(param, kYear2100);
  if (what == "crl") X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK);
  if (what == "revocation") {
    X509_STORE_set_check_revocation(SSL_CTX_get_cert_store(context), Revoked);
  }
}

bool Run(const std::vector<std::string>& words) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_file(context.get(), words[2].c_str()) != 1) return false;
  Demand(context.get(), words[3]);
  BIO* const bio = BIO_new_connect(("localhost:" + words[1]).c_str());
  const Connection ssl(SSL_new(context.get()));
  if (bio == nullptr || !ssl || BIO_do_connect(bio) != 1) return false;
  SSL_set_bio(ssl.get(), bio, bio);
  std::string name = "localhost";
  SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  return SSL_connect(ssl.get()) == 1 && SSL_get_verify_result(ssl.get()) == X509_V_OK;
}

}  // namespace

int main(int count, char** words) {
  return Run(std::vector<std::string>(words, words + count)) ? 0 : 1;
}
