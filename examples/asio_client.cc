// SPDX-License-Identifier: Apache-2.0
//
// An asynchronous program on Boost.Asio, held to a policy:
//
//   asio_client policy.toml ca.pem api.example.com 443
//
// sends one request and prints what comes until the server closes. Exit 0, or 1 where it went wrong
// or was refused; also in the middle of the answer, where the policy changes and no longer holds.
#include <iostream>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "or_exit.h"
#include <cotter/asio.h>
#include <cotter/policy_file_source.h>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using namespace cotter;
using namespace cotter::tls;

using Stream = CheckedStream<asio::ssl::stream<tcp::socket>>;

class Client {
 public:
  Client(Stream stream, std::string host)
      : stream_(std::move(stream)),
        request_("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n") {}

  void Start(const tcp::resolver::results_type& addresses) {
    asio::async_connect(stream_.lowest_layer(), addresses,
                        [this](error_code error, const tcp::endpoint&) {
                          if (Went(error)) Shake();
                        });
  }

 private:
  void Shake() {
    stream_.async_handshake(asio::ssl::stream_base::client, [this](error_code error) {
      if (Went(error)) Ask();
    });
  }

  void Ask() {
    asio::async_write(stream_, asio::buffer(request_), [this](error_code error, std::size_t) {
      if (Went(error)) Hear();
    });
  }

  void Hear() {
    stream_.async_read_some(asio::buffer(part_), [this](error_code error, std::size_t size) {
      std::cout << std::string_view(part_.data(), size);
      if (error == asio::error::eof && !stream_.Refusal()) return;
      if (Went(error)) Hear();
    });
  }

  // Went reports that an operation went well. A refusal is an error of Asio's, with a reason of
  // cotter's.
  bool Went(error_code error) {
    if (const auto refusal = stream_.Refusal()) Exit(refusal->message);
    if (error) Exit(error.message());
    return true;
  }

  Stream stream_;
  std::string request_;
  std::array<char, 4096> part_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) Exit("usage: asio_client POLICY ROOTS HOST PORT");
  auto policy = OrExit(WatchedPolicy::Open({.path = argv[1]}));
  auto trust = OrExit(LoadTrustStore({.files = {argv[2]}}));
  auto enforcer = OrExit(Enforcer::Create({.policy = policy, .trust = trust}));
  const Endpoint endpoint{OrExit(HostName::Parse(argv[3])), OrExit(ParsePort(argv[4]))};

  asio::io_context io;
  asio::ssl::context context(asio::ssl::context::tls_client);
  OrExit(Enforcer::Prepare(context.native_handle()));
  Client client(
      OrExit(Stream::Attach(enforcer, asio::ssl::stream<tcp::socket>(io, context), endpoint)),
      argv[3]);
  client.Start(tcp::resolver(io).resolve(argv[3], argv[4]));
  io.run();
}
