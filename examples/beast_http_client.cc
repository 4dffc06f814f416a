// SPDX-License-Identifier: Apache-2.0
//
// An HTTPS client on Boost.Beast, held to a policy:
//
//   beast_http_client policy.toml ca.pem api.example.com 443
//
// prints the body of one answer. Exit 0, or 1 where it went wrong or was refused.
#include <iostream>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "or_exit.h"
#include <cotter/asio.h>
#include <cotter/policy_file_source.h>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using namespace cotter;
using namespace cotter::tls;

using Stream = CheckedStream<beast::ssl_stream<beast::tcp_stream>>;

// OrRefused ends the program where an operation failed: with cotter's reason, if it has one.
void OrRefused(Stream& stream, error_code error) {
  if (const auto refusal = stream.Refusal()) Exit(refusal->message);
  if (error) Exit(error.message());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) Exit("usage: beast_http_client POLICY ROOTS HOST PORT");
  auto policy = OrExit(WatchedPolicy::Open({.path = argv[1]}));
  auto trust = OrExit(LoadTrustStore({.files = {argv[2]}}));
  auto enforcer = OrExit(Enforcer::Create({.policy = policy, .trust = trust}));
  const Endpoint endpoint{OrExit(HostName::Parse(argv[3])), OrExit(ParsePort(argv[4]))};

  asio::io_context io;
  asio::ssl::context context(asio::ssl::context::tls_client);
  OrExit(Enforcer::Prepare(context.native_handle()));
  Stream stream =
      OrExit(Stream::Attach(enforcer, beast::ssl_stream<beast::tcp_stream>(io, context), endpoint));

  error_code error;
  beast::get_lowest_layer(stream).connect(asio::ip::tcp::resolver(io).resolve(argv[3], argv[4]),
                                          error);
  OrRefused(stream, error);
  stream.handshake(asio::ssl::stream_base::client, error);
  OrRefused(stream, error);

  http::request<http::empty_body> request(http::verb::get, "/", 11);
  request.set(http::field::host, argv[3]);
  request.keep_alive(false);
  http::write(stream, request, error);
  OrRefused(stream, error);

  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::read(stream, buffer, response, error);
  OrRefused(stream, error);
  std::cout << response.body();
}
