// SPDX-License-Identifier: Apache-2.0
//
// A program whose connections are made from an attached SSL_CTX, as libcurl or an interpreter would
// make them: it knows nothing of an enforcer. For the tests of the OpenSSL door; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/tls/enforced_client.h"

namespace cotter::tls {

using Records = std::vector<ConnectionRecord>;

inline Endpoint ApiEndpoint() { return {HostName::Parse("api.example.com").value(), 443}; }

inline ContextOptions KeepIn(Records& records, bool with_endpoint = true) {
  ContextOptions options;
  if (with_endpoint) options.endpoint = ApiEndpoint();
  options.on_record = [&records](const ConnectionRecord& record) { records.push_back(record); };
  return options;
}

class ContextProgram {
 public:
  ContextProgram(EnforcerOptions enforcement, ContextOptions options)
      : enforcer_(Enforcer::Create(std::move(enforcement)).value()), options_(std::move(options)) {
    Renew();
  }
  ContextProgram(std::shared_ptr<const PolicyIndex> policy, std::shared_ptr<const TrustStore> trust,
                 ContextOptions options)
      : ContextProgram(
            EnforcerOptions{
                .policy = HoldPolicy(std::move(policy)), .trust = std::move(trust), .now = {}},
            std::move(options)) {}

  // Renew begins a new context, as libcurl does for every connection.
  void Renew() {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    ASSERT_TRUE(enforcer_.AttachContext(context_.get(), options_));
  }

  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

  void Open(const lab::Server& server) {
    ssl_.reset(SSL_new(context_.get()));
    BIO* const bio = BIO_new_connect(server.authority().c_str());
    ASSERT_EQ(BIO_do_connect(bio), 1);
    SSL_set_bio(ssl_.get(), bio, bio);
  }

  [[nodiscard]] bool Shake() const {
    ERR_clear_error();
    return SSL_connect(ssl_.get()) == 1;
  }

  [[nodiscard]] bool Write() const {
    return SSL_write(ssl_.get(), kSecret.data(), static_cast<int>(kSecret.size())) > 0;
  }

  [[nodiscard]] bool Read() const {
    char buffer[4096];
    return SSL_read(ssl_.get(), buffer, sizeof buffer) > 0;
  }

  // AskOnce makes the last request of a connection and reads to its end: a server that is left
  // without a word forgets its sessions.
  [[nodiscard]] bool AskOnce() const {
    const std::string request = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    if (SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size())) <= 0) return false;
    const bool answered = Read();
    while (Read()) continue;
    return answered;
  }

  // Visit is one whole connection with a request and its answer, ended in order.
  [[nodiscard]] bool Visit(const lab::Server& server) {
    Open(server);
    const bool answered = Shake() && AskOnce();
    Close();
    return answered;
  }

  void Close() {
    if (ssl_) SSL_shutdown(ssl_.get());
    ssl_.reset();
  }

 private:
  Enforcer enforcer_;
  ContextOptions options_;
  SslContextPtr context_;
  SslPtr ssl_;
};

}  // namespace cotter::tls
