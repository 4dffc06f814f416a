// SPDX-License-Identifier: Apache-2.0
//
// What the TLS connections to one server have in common. Prepared for an enforcer when it is made,
// so that no connection can come of it without one. Movable; for one thread.
#pragma once

#include <memory>
#include <string>

#include <openssl/ssl.h>

#include <cotter/result.h>

namespace cotter::net {

struct TlsContextOptions {
  std::string alpn;         // the one protocol to offer; empty offers none
  std::string certificate;  // of the client: a PEM file with its chain; empty for none
  std::string key;
};

class TlsContext {
 public:
  // Fails with kFileUnreadable where the certificate and the key are not usable, or kInternal.
  [[nodiscard]] static Result<TlsContext> Create(const TlsContextOptions& options);

  [[nodiscard]] SSL_CTX* get() const noexcept { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };
  explicit TlsContext(SSL_CTX* context) : context_(context) {}

  std::unique_ptr<SSL_CTX, Free> context_;
};

}  // namespace cotter::net
