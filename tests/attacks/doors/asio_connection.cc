// SPDX-License-Identifier: Apache-2.0
#include "tests/attacks/doors/asio_connection.h"

#include <openssl/ssl.h>

#include "base/idna.h"
#include "tests/attacks/doors/careless.h"

namespace cotter::attacks {

AsioConnector::AsioConnector(const Setup& setup) : enforcers_(setup) {
  COTTER_CHECK(tls::Enforcer::Prepare(context_.native_handle()));
}

std::pair<std::unique_ptr<Stream>, Answer> AsioConnector::Open(const GetRequest& request) {
  const Result<HostName> host = HostName::Parse(request.url.host, &base::Idna());
  if (!host) return {nullptr, Answer::Failed(host.error())};
  Result<Socket> tunnel = OpenTunnel(request);
  if (!tunnel) return {nullptr, Answer::Failed(tunnel.error())};
  const std::string peer = tunnel->Peer();
  const bool v6 = peer.starts_with('[');
  asio::ip::tcp::socket socket(io_, v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                               tunnel->Release());
  asio::ssl::stream<asio::ip::tcp::socket> plain(std::move(socket), context_);
  BeCarelessBefore(plain.native_handle(), request);
  OfferCertificate(plain.native_handle(), request);
  OfferSession(plain.native_handle(), request);
  Result<Stream> attached = Stream::Attach(enforcers_.For(request), std::move(plain),
                                           Endpoint{.host = *host, .port = request.url.port});
  if (!attached) return {nullptr, Answer::Failed(attached.error())};
  auto stream = std::make_unique<Stream>(std::move(*attached));
  if (request.IsCareless("verify_none")) {
    stream->next_layer().set_verify_mode(asio::ssl::verify_none);
    stream->next_layer().set_verify_callback([](bool, asio::ssl::verify_context&) { return true; });
  }
  const error_code error = Await([&](auto handler) {
    stream->async_handshake(asio::ssl::stream_base::client, std::move(handler));
  });
  Answer answer = Judged(*stream, error);
  answer.peer = peer;
  answer.resumed = SSL_session_reused(stream->native_handle()) == 1;
  if (!answer.ok) stream.reset();
  return {std::move(stream), std::move(answer)};
}

Answer Judged(Stream& stream, const error_code& error) {
  Answer answer;
  if (const tls::ConnectionRecord* record = stream.Record()) {
    answer.outcome = record->verdict.outcome;
  }
  answer.ok = !error;
  if (const std::optional<Error> refusal = stream.Refusal()) {
    answer.ok = false;
    answer.code = refusal->code;
    answer.message = refusal->message;
  } else if (error) {
    answer.code = Code::kTlsFailed;
    answer.message = error.message();
  }
  return answer;
}

}  // namespace cotter::attacks
