// SPDX-License-Identifier: Apache-2.0
//
// The door "openssl": a program with a TCP socket, an SSL on it, and an Enforcer.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/idna.h"
#include "tests/attacks/doors/careless.h"
#include "tests/attacks/doors/door.h"
#include "tests/attacks/doors/tunnel.h"
#include "tls/openssl_ptr.h"
#include <cotter/openssl.h>

namespace cotter::attacks {
namespace {

Answer Judged(const tls::ConnectionRecord& record) {
  Answer answer;
  answer.outcome = record.verdict.outcome;
  answer.code = record.code;
  answer.message = record.message;
  return answer;
}

class OpensslDoor : public Door {
 public:
  explicit OpensslDoor(const Setup& setup)
      : setup_(setup), context_(SSL_CTX_new(TLS_client_method())) {
    SetPolicy(setup.policy);
    COTTER_CHECK(tls::Enforcer::Prepare(context_.get()));
  }

  [[nodiscard]] Answer Get(const GetRequest& request) override {
    if (request.follow) return Answer::Unsupported("follow");
    if (request.proxy.starts_with("https:")) return Answer::Unsupported("proxy:https");
    if (!request.load_session.empty()) return Answer::Unsupported("load_session");
    Answer answer = kept_ != nullptr && kept_for_ == request.url.host ? Reuse() : Open(request);
    if (answer.ok) answer = Fetch(request, std::move(answer));
    if (!answer.ok || !request.keep) Close();
    return answer;
  }

  void SetPolicy(std::shared_ptr<const PolicyIndex> policy) override {
    Close();
    enforcer_ = std::make_unique<tls::Enforcer>(
        tls::Enforcer::Create(
            {.policy = HoldPolicy(std::move(policy)), .trust = setup_.trust, .now = setup_.now})
            .value());
  }

  void Close() override {
    if (kept_ != nullptr) SSL_shutdown(kept_.get());
    kept_.reset();
    socket_ = Socket();
  }

 private:
  [[nodiscard]] Answer Reuse() const {
    Answer answer = Judged(*tls::RecordOf(kept_.get()));
    answer.ok = true;
    answer.reused = true;
    return answer;
  }

  [[nodiscard]] Answer Open(const GetRequest& request) {
    Close();
    const Result<HostName> host = HostName::Parse(request.url.host, &base::Idna());
    if (!host) return Answer::Failed(host.error());
    Result<Socket> socket = OpenTunnel(request);
    if (!socket) return Answer::Failed(socket.error());
    socket_ = std::move(*socket);
    kept_.reset(SSL_new(context_.get()));
    kept_for_ = request.url.host;
    SSL* const ssl = kept_.get();
    SSL_set_fd(ssl, socket_.get());
    BeCarelessBefore(ssl, request);
    OfferCertificate(ssl, request);
    const Result<void> attached =
        enforcer_->Attach(ssl, Endpoint{.host = *host, .port = request.url.port});
    if (!attached) return Answer::Failed(attached.error());
    if (request.IsCareless("verify_none")) SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    return Shake(ssl);
  }

  [[nodiscard]] Answer Shake(SSL* ssl) const {
    ERR_clear_error();
    const bool connected = SSL_connect(ssl) == 1;
    const unsigned long error = ERR_peek_last_error();
    const Result<const tls::ConnectionRecord*> confirmed = tls::Confirm(ssl);
    const tls::ConnectionRecord* const record = tls::RecordOf(ssl);
    Answer answer = record != nullptr ? Judged(*record) : Answer();
    answer.ok = connected && confirmed;
    answer.peer = socket_.Peer();
    answer.resumed = SSL_session_reused(ssl) == 1;
    if (answer.ok || answer.code) return answer;
    answer.code = connected ? confirmed.error().code : Code::kTlsFailed;
    const char* const reason = ERR_reason_error_string(error);
    answer.message = reason != nullptr ? reason : "the handshake failed";
    return answer;
  }

  [[nodiscard]] Answer Fetch(const GetRequest& request, Answer answer) {
    SSL* const ssl = kept_.get();
    const int status = Exchange(request, {.read = [&](char* room, std::size_t size) -> long {
                                            return SSL_read(ssl, room, static_cast<int>(size));
                                          },
                                          .write = [&](const char* text, std::size_t size) -> long {
                                            return SSL_write(ssl, text, static_cast<int>(size));
                                          }});
    if (status != 0) {
      answer.status = status;
      return answer;
    }
    answer.ok = false;
    answer.code = Code::kConnectionClosed;
    answer.message = "no answer";
    return answer;
  }

  Setup setup_;
  tls::SslContextPtr context_;
  std::unique_ptr<tls::Enforcer> enforcer_;
  Socket socket_;  // outlives the SSL on it
  tls::SslPtr kept_;
  std::string kept_for_;
};

}  // namespace
}  // namespace cotter::attacks

int main(int argc, char** argv) {
  return cotter::attacks::RunDoor(argc, argv, [](const cotter::attacks::Setup& setup) {
    return std::make_unique<cotter::attacks::OpensslDoor>(setup);
  });
}
