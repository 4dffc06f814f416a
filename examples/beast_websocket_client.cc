// SPDX-License-Identifier: Apache-2.0
//
// A WebSocket client (wss) on Boost.Beast, held to a policy:
//
//   beast_websocket_client policy.toml ca.pem api.example.com 443 TEXT
//
// sends one message and prints two that it gets. Exit 0, or 1 where it went wrong or was refused.
#include <iostream>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "or_exit.h"
#include <cotter/asio.h>
#include <cotter/policy_file_source.h>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
using namespace cotter;
using namespace cotter::tls;

using Stream = CheckedStream<beast::ssl_stream<beast::tcp_stream>>;

void OrRefused(Stream& stream, error_code error) {
  if (const auto refusal = stream.Refusal()) Exit(refusal->message);
  if (error) Exit(error.message());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) Exit("usage: beast_websocket_client POLICY ROOTS HOST PORT TEXT");
  auto policy = OrExit(WatchedPolicy::Open({.path = argv[1]}));
  auto trust = OrExit(LoadTrustStore({.files = {argv[2]}}));
  auto enforcer = OrExit(Enforcer::Create({.policy = policy, .trust = trust}));
  const Endpoint endpoint{OrExit(HostName::Parse(argv[3])), OrExit(ParsePort(argv[4]))};

  asio::io_context io;
  asio::ssl::context context(asio::ssl::context::tls_client);
  OrExit(Enforcer::Prepare(context.native_handle()));
  websocket::stream<Stream> socket(OrExit(
      Stream::Attach(enforcer, beast::ssl_stream<beast::tcp_stream>(io, context), endpoint)));
  Stream& stream = socket.next_layer();

  error_code error;
  beast::get_lowest_layer(stream).connect(asio::ip::tcp::resolver(io).resolve(argv[3], argv[4]),
                                          error);
  OrRefused(stream, error);
  stream.handshake(asio::ssl::stream_base::client, error);
  OrRefused(stream, error);
  socket.handshake(argv[3], "/", error);
  OrRefused(stream, error);

  socket.write(asio::buffer(std::string_view(argv[5])), error);
  OrRefused(stream, error);
  for (int message = 0; message < 2; ++message) {
    beast::flat_buffer buffer;
    socket.read(buffer, error);
    OrRefused(stream, error);
    std::cout << beast::buffers_to_string(buffer.data());
  }
  socket.close(websocket::close_code::normal, error);
}
