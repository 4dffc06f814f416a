// SPDX-License-Identifier: Apache-2.0
//
// What the doors "asio" and "websocket" share: an Asio program's TLS connection through
// <cotter/asio.h>, opened, judged and told of. One thread, which runs the io_context until an
// operation is over.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "tests/attacks/doors/door.h"
#include "tests/attacks/doors/enforcers.h"
#include "tests/attacks/doors/tunnel.h"
#include <cotter/asio.h>

namespace cotter::attacks {

namespace asio = boost::asio;
using boost::system::error_code;
using Stream = tls::CheckedStream<asio::ssl::stream<asio::ip::tcp::socket>>;

class AsioConnector {
 public:
  explicit AsioConnector(const Setup& setup);

  void SetPolicy(std::shared_ptr<const PolicyIndex> policy) {
    enforcers_.SetPolicy(std::move(policy));
  }

  // Open is a connection whose handshake is over, and the answer so far; no connection where it was
  // refused.
  [[nodiscard]] std::pair<std::unique_ptr<Stream>, Answer> Open(const GetRequest& request);

  // Await starts an operation and runs it to its end, which is that of kPatienceSeconds at the
  // latest: `start` is given the completion handler.
  template <typename Start>
  [[nodiscard]] error_code Await(Start start) {
    error_code result = asio::error::timed_out;
    start([&result](error_code error, auto&&...) { result = error; });
    io_.restart();
    io_.run_for(std::chrono::seconds(kPatienceSeconds));
    return result;
  }

 private:
  Enforcers enforcers_;
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
};

// Judged is the answer that a stream's verdict makes; `error` is what Asio said of the operation.
[[nodiscard]] Answer Judged(Stream& stream, const error_code& error);

}  // namespace cotter::attacks
