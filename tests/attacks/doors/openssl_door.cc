// SPDX-License-Identifier: Apache-2.0
//
// The door "openssl": an Enforcer is attached to each connection.
#include <memory>

#include "tests/attacks/doors/openssl_program.h"
#include <cotter/openssl.h>

namespace cotter::attacks {
namespace {

class OpensslDoor : public OpensslProgram {
 public:
  explicit OpensslDoor(const Setup& setup)
      : OpensslProgram(setup), context_(SSL_CTX_new(TLS_client_method())) {
    COTTER_CHECK(tls::Enforcer::Prepare(context_.get()));
  }

 private:
  [[nodiscard]] bool Asks() const override { return true; }

  [[nodiscard]] SSL_CTX* Context(std::uint16_t /*port*/, const GetRequest& /*request*/) override {
    return context_.get();
  }

  [[nodiscard]] Result<void> Attach(SSL* ssl, const Endpoint& endpoint,
                                    const GetRequest& request) override {
    return enforcers().For(request).Attach(ssl, endpoint);
  }

  tls::SslContextPtr context_;
};

}  // namespace
}  // namespace cotter::attacks

int main(int argc, char** argv) {
  return cotter::attacks::RunDoor(argc, argv, [](const cotter::attacks::Setup& setup) {
    return std::make_unique<cotter::attacks::OpensslDoor>(setup);
  });
}
