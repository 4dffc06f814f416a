// SPDX-License-Identifier: Apache-2.0
#include "tests/attacks/doors/openssl_program.h"

#include <openssl/err.h>

#include "base/idna.h"
#include "tests/attacks/doors/careless.h"

namespace cotter::attacks {
namespace {

Answer Judged(const tls::ConnectionRecord& record) {
  Answer answer;
  answer.outcome = record.verdict.outcome;
  answer.code = record.code;
  answer.message = record.message;
  return answer;
}

Pipe PipeOf(SSL* ssl) {
  return {.read = [ssl](char* room, std::size_t size) -> long {
            return SSL_read(ssl, room, static_cast<int>(size));
          },
          .write = [ssl](const char* text, std::size_t size) -> long {
            return SSL_write(ssl, text, static_cast<int>(size));
          }};
}

}  // namespace

Answer OpensslProgram::Get(const GetRequest& request) {
  if (request.follow) return Answer::Unsupported("follow");
  Answer answer;
  bool open = kept_ == nullptr || kept_for_ != request.url.host;
  if (!open) {
    answer = Reuse();
    if (answer.ok) answer = Fetch(request, std::move(answer));
    open = !answer.ok && !Asks();
  }
  if (open) {
    answer = Open(request);
    if (answer.ok) answer = Fetch(request, std::move(answer));
  }
  if (!answer.ok || !request.keep) Close();
  return answer;
}

void OpensslProgram::Close() {
  if (kept_ != nullptr) SSL_shutdown(kept_.get());
  kept_.reset();
  proxy_.reset();
  socket_ = Socket();
}

Answer OpensslProgram::Reuse() const {
  const bool usable = !Asks() || tls::CheckUse(kept_.get());
  Answer answer = Judged(*tls::RecordOf(kept_.get()));
  answer.ok = usable;
  answer.reused = answer.ok;
  answer.peer = socket_.Peer();
  return answer;
}

Answer OpensslProgram::Open(const GetRequest& request) {
  Close();
  const Result<HostName> host = HostName::Parse(request.url.host, &base::Idna());
  if (!host) return Answer::Failed(host.error());
  Result<Socket> socket = OpenTunnel(request);
  if (!socket) return Answer::Failed(socket.error());
  socket_ = std::move(*socket);
  if (request.proxy.starts_with("https:")) {
    if (Answer refused = OpenProxy(request); !refused.ok) return refused;
  }
  kept_.reset(SSL_new(Context(request.url.port, request)));
  kept_for_ = request.url.host;
  SSL* const ssl = kept_.get();
  if (proxy_ == nullptr) {
    SSL_set_fd(ssl, socket_.get());
  } else {
    BIO* const tunnel = BIO_new(BIO_f_ssl());
    BIO_ctrl(tunnel, BIO_C_SET_SSL, BIO_NOCLOSE, proxy_.get());
    SSL_set_bio(ssl, tunnel, tunnel);
  }
  BeCarelessBefore(ssl, request);
  OfferCertificate(ssl, request);
  OfferSession(ssl, request);
  const Result<void> attached =
      Attach(ssl, Endpoint{.host = *host, .port = request.url.port}, request);
  if (!attached) return Answer::Failed(attached.error());
  if (proxy_ != nullptr) tls::UseSocket(ssl, socket_.get());  // which OpenSSL cannot see
  if (request.IsCareless("verify_none")) SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
  return Shake(ssl);
}

Answer OpensslProgram::OpenProxy(const GetRequest& request) {
  const Url url = SplitUrl(request.proxy);
  const Result<HostName> host = HostName::Parse(url.host);
  if (!host) return Answer::Failed(host.error());
  proxy_.reset(SSL_new(Context(url.port, request)));
  SSL_set_fd(proxy_.get(), socket_.get());
  const Result<void> attached =
      Attach(proxy_.get(), Endpoint{.host = *host, .port = url.port}, request);
  if (!attached) return Answer::Failed(attached.error());
  Answer answer = Shake(proxy_.get());
  if (!answer.ok) return answer;
  const Result<void> tunnel = AskForTunnel(request, PipeOf(proxy_.get()));
  return tunnel ? answer : Answer::Failed(tunnel.error());
}

Answer OpensslProgram::Shake(SSL* ssl) const {
  ERR_clear_error();
  const bool connected = SSL_connect(ssl) == 1;
  const unsigned long error = ERR_peek_last_error();
  const Result<const tls::ConnectionRecord*> confirmed =
      Asks() ? tls::Confirm(ssl) : tls::RecordOf(ssl);
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

Answer OpensslProgram::Fetch(const GetRequest& request, Answer answer) {
  SSL* const ssl = kept_.get();
  const int status = Exchange(request, PipeOf(ssl));
  if (status != 0) {
    SaveSession(ssl, request);
    answer.status = status;
    return answer;
  }
  answer.ok = answer.reused = false;
  answer.code = Code::kConnectionClosed;
  answer.message = "no answer";
  return answer;
}

}  // namespace cotter::attacks
