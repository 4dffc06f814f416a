// SPDX-License-Identifier: Apache-2.0
//
// A program with a TCP socket and an SSL on it, for the doors "openssl" and "context", which differ
// in how it comes to be judged. One thread.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <openssl/ssl.h>

#include "tests/attacks/doors/door.h"
#include "tests/attacks/doors/enforcers.h"
#include "tests/attacks/doors/tunnel.h"
#include "tls/openssl_ptr.h"

namespace cotter::attacks {

class OpensslProgram : public Door {
 public:
  explicit OpensslProgram(const Setup& setup) : enforcers_(setup) {}

  [[nodiscard]] Answer Get(const GetRequest& request) override;
  void SetPolicy(std::shared_ptr<const PolicyIndex> policy) override {
    enforcers_.SetPolicy(std::move(policy));
  }
  void Close() override;
  [[nodiscard]] bool Tells() const override { return true; }

 protected:
  // Context is what connections to `port` are made from, with the enforcer in it.
  [[nodiscard]] virtual SSL_CTX* Context(std::uint16_t port, const GetRequest& request) = 0;

  // Attach says what `ssl` is for.
  [[nodiscard]] virtual Result<void> Attach(SSL* ssl, const Endpoint& endpoint,
                                            const GetRequest& request) = 0;

  // Whether the program knows of the enforcer and asks it (Confirm, CheckUse). One that does not
  // takes a connection that ended for an old one, as HTTP clients do, and opens another.
  [[nodiscard]] virtual bool Asks() const = 0;

  [[nodiscard]] const Enforcers& enforcers() const { return enforcers_; }

 private:
  [[nodiscard]] Answer Reuse() const;
  [[nodiscard]] Answer Open(const GetRequest& request);
  // OpenProxy speaks TLS to the HTTPS proxy of the request, which is judged for its own host, and
  // has it open a tunnel.
  [[nodiscard]] Answer OpenProxy(const GetRequest& request);
  [[nodiscard]] Answer Shake(SSL* ssl) const;
  [[nodiscard]] Answer Fetch(const GetRequest& request, Answer answer);

  Enforcers enforcers_;
  Socket socket_;      // outlives the SSL on it
  tls::SslPtr proxy_;  // on the socket, below the SSL to the server; null without an HTTPS proxy
  tls::SslPtr kept_;
  std::string kept_for_;
};

}  // namespace cotter::attacks
