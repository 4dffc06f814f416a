// SPDX-License-Identifier: Apache-2.0
//
// handshake_loop_bench THREADS FILE: what OpenSSL alone can do. Each thread takes the next endpoint
// of FILE ("ADDR PORT NAME" a line), connects, shakes hands without verifying, and closes. Prints
// how many handshakes were completed. bench/scan_bench.py holds `cotter scan` against it.
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace {

struct Endpoint {
  sockaddr_in address{};
  std::string name;
};

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

bool Shake(SSL_CTX* context, Endpoint& endpoint) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return false;
  bool done = connect(fd, reinterpret_cast<const sockaddr*>(&endpoint.address),
                      sizeof endpoint.address) == 0;
  if (done) {
    const std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(context));
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             endpoint.name.data());
    SSL_set_fd(ssl.get(), fd);
    done = SSL_connect(ssl.get()) == 1;
    if (done) SSL_shutdown(ssl.get());
  }
  close(fd);
  return done;
}

}  // namespace

int main(int count, char** words) {
  int thread_count = 0;
  if (count != 3) return 2;
  const std::string_view number(words[1]);
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), thread_count);
  if (error != std::errc() || end != number.data() + number.size()) return 2;
  std::vector<Endpoint> endpoints;
  std::ifstream file(words[2]);
  std::string address;
  int port = 0;
  std::string name;
  while (file >> address >> port >> name) {
    Endpoint one{.address = {}, .name = name};
    one.address.sin_family = AF_INET;
    one.address.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, address.c_str(), &one.address.sin_addr);
    endpoints.push_back(std::move(one));
  }
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> done{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < thread_count; ++i) {
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < endpoints.size(); at = next++) {
          if (Shake(context.get(), endpoints[at])) ++done;
        }
      });
    }
  }
  std::printf("%zu\n", done.load());
  return done == endpoints.size() ? 0 : 1;
}
