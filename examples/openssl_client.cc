// SPDX-License-Identifier: Apache-2.0
//
// A program that speaks TLS with OpenSSL itself, held to a policy:
//
//   openssl_client policy.toml ca.pem api.example.com 443
//
// prints the server's answer to one request. Exit 0, or 1 where it went wrong or was refused.
#include <iostream>
#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "or_exit.h"
#include <cotter/openssl.h>
#include <cotter/policy_file_source.h>

namespace {

using namespace cotter;
using namespace cotter::tls;

// Connect is TCP, as OpenSSL does it: the program's own business, whatever it uses.
BIO* Connect(const std::string& host, const std::string& port) {
  BIO* const bio = BIO_new_connect((host + ":" + port).c_str());
  if (BIO_do_connect(bio) != 1) Exit("no connection");
  return bio;
}

void Speak(SSL* ssl, const std::string& host) {
  const std::string request = "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
  SSL_write(ssl, request.data(), static_cast<int>(request.size()));
  std::string answer(16384, '\0');
  const int size = SSL_read(ssl, answer.data(), static_cast<int>(answer.size()));
  std::cout << answer.substr(0, size > 0 ? static_cast<std::size_t>(size) : 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) Exit("usage: openssl_client POLICY ROOTS HOST PORT");
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> owner(SSL_CTX_new(TLS_client_method()),
                                                                SSL_CTX_free);
  SSL_CTX* const context = owner.get();

  auto policy = OrExit(WatchedPolicy::Open({.path = argv[1]}));  // followed while the program runs
  auto trust = OrExit(LoadTrustStore({.files = {argv[2]}}));     // and the roots of the system
  auto enforcer = OrExit(Enforcer::Create({.policy = policy, .trust = trust}));
  OrExit(Enforcer::Prepare(context));

  const std::unique_ptr<SSL, decltype(&SSL_free)> connection(SSL_new(context), SSL_free);
  SSL* const ssl = connection.get();
  BIO* const socket = Connect(argv[3], argv[4]);
  SSL_set_bio(ssl, socket, socket);

  OrExit(enforcer.Attach(ssl, {OrExit(HostName::Parse(argv[3])), OrExit(ParsePort(argv[4]))}));
  SSL_connect(ssl);      // a refusal ends it inside the handshake, before anything of yours is sent
  OrExit(Confirm(ssl));  // says why, and that it was judged at all

  Speak(ssl, argv[3]);
}
