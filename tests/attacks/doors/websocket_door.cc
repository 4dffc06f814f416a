// SPDX-License-Identifier: Apache-2.0
//
// The door "websocket": a program with Beast's WebSocket over Asio's TLS stream, asynchronous. A
// get is an upgrade, or on a kept connection a message with the secret in it; either is answered by
// a message. A server that knows no WebSocket answers with its HTTP status.
#include <memory>
#include <string>
#include <utility>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "tests/attacks/doors/asio_connection.h"
#include "tests/attacks/doors/careless.h"
#include "tests/attacks/doors/door.h"

namespace cotter::attacks {
namespace {

namespace beast = boost::beast;
using WebSocket = beast::websocket::stream<Stream>;

class WebSocketDoor : public Door {
 public:
  explicit WebSocketDoor(const Setup& setup) : connector_(setup) {}

  [[nodiscard]] Answer Get(const GetRequest& request) override {
    if (request.follow) return Answer::Unsupported("follow");
    if (request.proxy.starts_with("https:")) return Answer::Unsupported("proxy:https");
    const bool reused = kept_ != nullptr && kept_for_ == request.url.host;
    Answer answer = reused ? Talk(request) : Open(request);
    answer.reused = reused && answer.ok;
    if (answer.ok) SaveSession(kept_->next_layer().native_handle(), request);
    if (!answer.ok || !request.keep) Close();
    return answer;
  }

  void SetPolicy(std::shared_ptr<const PolicyIndex> policy) override {
    connector_.SetPolicy(std::move(policy));
  }

  void Close() override {
    if (kept_ != nullptr && kept_->is_open()) {
      static_cast<void>(connector_.Await([&](auto handler) {
        kept_->async_close(beast::websocket::close_code::normal, std::move(handler));
      }));
    }
    kept_.reset();
  }

  [[nodiscard]] bool Tells() const override { return true; }

 private:
  [[nodiscard]] Answer Open(const GetRequest& request) {
    auto [stream, opened] = connector_.Open(request);
    if (stream == nullptr) return opened;
    kept_ = std::make_unique<WebSocket>(std::move(*stream));
    kept_for_ = request.url.host;
    kept_->set_option(
        beast::websocket::stream_base::decorator([&](beast::websocket::request_type& upgrade) {
          for (const auto& [name, value] : request.headers) upgrade.set(name, value);
        }));
    beast::websocket::response_type response;
    const error_code error = connector_.Await([&](auto handler) {
      kept_->async_handshake(response, request.url.host, request.url.path, std::move(handler));
    });
    Answer answer;
    if (error == beast::websocket::error::upgrade_declined) {
      answer = Judged(kept_->next_layer(), {});
      answer.status = response.result_int();
    } else {
      answer = error ? Judged(kept_->next_layer(), error) : Hear();
    }
    answer.peer = opened.peer;
    answer.resumed = opened.resumed;
    return answer;
  }

  [[nodiscard]] Answer Talk(const GetRequest& request) {
    std::string message;
    for (const auto& [name, value] : request.headers) {
      message.append(name).append(": ").append(value).append("\n");
    }
    const error_code error = connector_.Await([&](auto handler) {
      kept_->async_write(boost::asio::buffer(message), std::move(handler));
    });
    return error ? Judged(kept_->next_layer(), error) : Hear();
  }

  // Hear waits for one message.
  [[nodiscard]] Answer Hear() {
    beast::flat_buffer buffer;
    const error_code error =
        connector_.Await([&](auto handler) { kept_->async_read(buffer, std::move(handler)); });
    Answer answer = Judged(kept_->next_layer(), error);
    if (answer.ok && beast::buffers_to_string(buffer.data()) == "hello\n") answer.status = 101;
    return answer;
  }

  AsioConnector connector_;
  std::unique_ptr<WebSocket> kept_;
  std::string kept_for_;
};

}  // namespace
}  // namespace cotter::attacks

int main(int argc, char** argv) {
  return cotter::attacks::RunDoor(argc, argv, [](const cotter::attacks::Setup& setup) {
    return std::make_unique<cotter::attacks::WebSocketDoor>(setup);
  });
}
