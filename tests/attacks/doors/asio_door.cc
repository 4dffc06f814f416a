// SPDX-License-Identifier: Apache-2.0
//
// The door "asio": a program with Asio's TLS stream and Beast's HTTP, asynchronous.
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "tests/attacks/doors/asio_connection.h"
#include "tests/attacks/doors/careless.h"
#include "tests/attacks/doors/door.h"

namespace cotter::attacks {
namespace {

namespace http = boost::beast::http;

class AsioDoor : public Door {
 public:
  explicit AsioDoor(const Setup& setup) : connector_(setup) {}

  [[nodiscard]] Answer Get(const GetRequest& request) override {
    if (request.follow) return Answer::Unsupported("follow");
    if (request.proxy.starts_with("https:")) return Answer::Unsupported("proxy:https");
    Answer answer;
    if (kept_ != nullptr && kept_for_ == request.url.host) {
      answer.ok = answer.reused = true;
    } else {
      std::tie(kept_, answer) = connector_.Open(request);
      kept_for_ = request.url.host;
    }
    if (answer.ok) answer = Fetch(request, answer);
    if (!answer.ok || !request.keep) Close();
    return answer;
  }

  void SetPolicy(std::shared_ptr<const PolicyIndex> policy) override {
    connector_.SetPolicy(std::move(policy));
  }

  void Close() override {
    if (kept_ == nullptr) return;
    error_code ignored;
    kept_->shutdown(ignored);
    kept_.reset();
  }

  [[nodiscard]] bool Tells() const override { return true; }

 private:
  [[nodiscard]] Answer Fetch(const GetRequest& request, const Answer& opened) {
    http::request<http::empty_body> question(http::verb::get, request.url.path, 11);
    question.set(http::field::host, request.url.host);
    for (const auto& [name, value] : request.headers) question.set(name, value);
    question.keep_alive(request.keep);
    error_code error = connector_.Await(
        [&](auto handler) { http::async_write(*kept_, question, std::move(handler)); });
    http::response<http::string_body> response;
    boost::beast::flat_buffer buffer;
    if (!error) {
      error = connector_.Await(
          [&](auto handler) { http::async_read(*kept_, buffer, response, std::move(handler)); });
    }
    Answer answer = Judged(*kept_, error);
    answer.peer = opened.peer;
    answer.resumed = opened.resumed;
    answer.reused = opened.reused && answer.ok;
    if (!answer.ok) return answer;
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.Move): Beast fills it by reference
    answer.status = response.result_int();
    SaveSession(kept_->native_handle(), request);
    return answer;
  }

  AsioConnector connector_;
  std::unique_ptr<Stream> kept_;
  std::string kept_for_;
};

}  // namespace
}  // namespace cotter::attacks

int main(int argc, char** argv) {
  return cotter::attacks::RunDoor(argc, argv, [](const cotter::attacks::Setup& setup) {
    return std::make_unique<cotter::attacks::AsioDoor>(setup);
  });
}
