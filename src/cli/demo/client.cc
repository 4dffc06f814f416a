// SPDX-License-Identifier: Apache-2.0
#include "cli/demo/client.h"

#include <array>
#include <memory>
#include <utility>

#include <openssl/ssl.h>

#include "net/address.h"
#include "net/socket.h"
#include "net/tls_stream.h"

namespace cotter::cli {
namespace {

// The demo's servers say less than 100 bytes.
constexpr std::size_t kMaxAnswer = std::size_t{64} << 10;

struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, FreeContext>;

Result<net::Socket> Connect(const Ask& ask) {
  const Result<net::Address> address = net::Address::FromText("127.0.0.1", ask.port);
  if (!address) return address.error();
  return net::Socket::Connect(*address, ask.deadline);
}

Result<void> SendAndRead(net::TlsStream& stream, const Ask& ask, Answer& answer) {
  answer.request_sent = true;
  Result<void> written = stream.WriteAll(AsBytes(ask.request), ask.deadline);
  if (!written) return written;
  std::array<std::uint8_t, 4096> buffer{};
  while (answer.text.size() < kMaxAnswer) {
    const Result<std::size_t> count = stream.Read(buffer, ask.deadline);
    if (!count) return count.error();
    if (*count == 0) break;
    answer.text += AsText(ByteView(buffer).first(*count));
  }
  return Ok();
}

// Converse shakes hands, lets `confirm` have its say, and only then makes the request.
template <typename Confirm>
Result<void> Converse(net::TlsStream& stream, const Ask& ask, Answer& answer, Confirm confirm) {
  Result<void> done = stream.Handshake(ask.deadline);
  answer.presented = stream.presented();
  if (done) done = confirm();
  if (!done) return done;
  answer.tls_version = stream.version();
  return SendAndRead(stream, ask, answer);
}

Result<void> AskBy(const tls::Enforcer& enforcer, const Ask& ask, Answer& answer) {
  const ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return Error{Code::kInternal, "OpenSSL made no context"};
  Result<void> prepared = tls::Enforcer::Prepare(context.get());
  if (!prepared) return prepared;
  net::SslPtr ssl(SSL_new(context.get()));
  if (ssl == nullptr) return Error{Code::kInternal, "OpenSSL made no connection object"};
  Result<void> attached = enforcer.Attach(ssl.get(), ask.endpoint);
  if (!attached) return attached;
  Result<net::Socket> socket = Connect(ask);
  if (!socket) return socket.error();
  net::TlsStream stream(std::move(*socket), std::move(ssl));
  Result<void> done = Converse(stream, ask, answer, [&]() -> Result<void> {
    const auto confirmed = tls::Confirm(stream.ssl());
    return confirmed ? Ok() : Result<void>(confirmed.error());
  });
  if (const tls::ConnectionRecord* record = tls::RecordOf(stream.ssl())) answer.record = *record;
  stream.Close();
  return done;
}

Result<void> AskBy(const tls::TrustStore& trust, const Ask& ask, Answer& answer) {
  const ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return Error{Code::kInternal, "OpenSSL made no context"};
  SSL_CTX_set1_cert_store(context.get(), trust.store());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  net::SslPtr ssl(SSL_new(context.get()));
  std::string host(ask.endpoint.host.text());
  // OpenSSL's macro for this has a C cast in it.
  if (ssl == nullptr || SSL_set1_host(ssl.get(), host.c_str()) != 1 ||
      SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data()) !=
          1) {
    return Error{Code::kInternal, "OpenSSL made no connection object"};
  }
  Result<net::Socket> socket = Connect(ask);
  if (!socket) return socket.error();
  net::TlsStream stream(std::move(*socket), std::move(ssl));
  Result<void> done = Converse(stream, ask, answer, [] { return Ok(); });
  stream.Close();
  return done;
}

template <typename Judge>
Answer AnswerBy(const Judge& judge, const Ask& ask) {
  Answer answer;
  Result<void> done = AskBy(judge, ask, answer);
  if (!done) answer.failure = done.error();
  return answer;
}

}  // namespace

Answer AskPinned(const tls::Enforcer& enforcer, const Ask& ask) { return AnswerBy(enforcer, ask); }

Answer AskInsecurelyWithoutPins(const tls::TrustStore& trust, const Ask& ask) {
  return AnswerBy(trust, ask);
}

}  // namespace cotter::cli
