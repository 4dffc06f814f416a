// SPDX-License-Identifier: Apache-2.0
//
// The door "context": an Enforcer is attached to a whole SSL_CTX, for a library that makes the
// connections and names their host itself, as it would without cotter.
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "tests/attacks/doors/openssl_program.h"
#include <cotter/openssl.h>

namespace cotter::attacks {
namespace {

class ContextDoor : public OpensslProgram {
 public:
  using OpensslProgram::OpensslProgram;

 private:
  [[nodiscard]] bool Asks() const override { return false; }

  // A context is for one port, and resumes or does not.
  [[nodiscard]] SSL_CTX* Context(std::uint16_t port, const GetRequest& request) override {
    tls::SslContextPtr& context = contexts_[{port, request.resume}];
    if (context == nullptr) {
      context.reset(SSL_CTX_new(TLS_client_method()));
      COTTER_CHECK(
          enforcers().For(request).AttachContext(context.get(), {.port = port, .on_record = {}}));
    }
    return context.get();
  }

  [[nodiscard]] Result<void> Attach(SSL* ssl, const Endpoint& endpoint,
                                    const GetRequest& /*request*/) override {
    std::string name(endpoint.host.text());
    if (endpoint.host.is_ip()) {
      COTTER_CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1);
      return Ok();
    }
    COTTER_CHECK(SSL_set1_host(ssl, name.c_str()) == 1);
    // SSL_set_tlsext_host_name, without the macro's old-style cast.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    return Ok();
  }

  std::map<std::pair<std::uint16_t, bool>, tls::SslContextPtr> contexts_;
};

}  // namespace
}  // namespace cotter::attacks

int main(int argc, char** argv) {
  return cotter::attacks::RunDoor(argc, argv, [](const cotter::attacks::Setup& setup) {
    return std::make_unique<cotter::attacks::ContextDoor>(setup);
  });
}
