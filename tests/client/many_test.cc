// SPDX-License-Identifier: Apache-2.0
//
// Many requests of one client at once, each on a connection of its own, driven by one thread.
#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/client/served_client.h"
#include "tls/openssl_ptr.h"

namespace cotter::client {
namespace {

constexpr std::size_t kMany = 1000;

// A connection has a descriptor at either end, and both ends are in this process.
constexpr rlim_t kDescriptors = 2 * kMany + 200;

// Longer than all of it takes, at a loaded machine.
constexpr std::chrono::seconds kLong{90};

tls::X509Ptr Parse(const lab::Certificate& certificate) {
  const unsigned char* at = certificate.der.data();
  return tls::X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
}

// Gathering is a server that answers no request before it has read kMany of them, each on a
// connection of its own.
class Gathering {
 public:
  Gathering() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const lab::Identity& leaf = World().Get("leaf");
    SSL_CTX_use_certificate(context_.get(), Parse(leaf.certificate).get());
    SSL_CTX_use_PrivateKey(context_.get(), leaf.key.native());
    for (const lab::Certificate& above : leaf.chain) {
      SSL_CTX_add1_chain_cert(context_.get(), Parse(above).get());
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, any, size), 0);
    EXPECT_EQ(listen(listener_, kMany), 0);
    EXPECT_EQ(getsockname(listener_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~Gathering() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    close(listener_);
  }
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;

  [[nodiscard]] std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string url() const {
    return "https://" + std::string(kHost) + ":" + std::to_string(port_) + "/";
  }
  [[nodiscard]] std::size_t gathered() {
    const std::lock_guard lock(mutex_);
    return gathered_;
  }

 private:
  void Accept() {
    for (int socket = 0; (socket = accept(listener_, nullptr, nullptr)) >= 0;) {
      threads_.emplace_back([this, socket] { Serve(socket); });
    }
  }

  void Serve(int socket) {
    const tls::SslPtr ssl(SSL_new(context_.get()));
    SSL_set_fd(ssl.get(), socket);
    std::array<char, 4096> request{};
    if (SSL_accept(ssl.get()) == 1 &&
        SSL_read(ssl.get(), request.data(), static_cast<int>(request.size())) > 0) {
      std::unique_lock lock(mutex_);
      ++gathered_;
      all_here_.notify_all();
      const bool all = all_here_.wait_for(lock, kLong, [this] { return gathered_ >= kMany; });
      lock.unlock();
      constexpr std::string_view kAnswer =
          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n";
      if (all) SSL_write(ssl.get(), kAnswer.data(), static_cast<int>(kAnswer.size()));
    }
    SSL_shutdown(ssl.get());
    close(socket);
  }

  tls::SslContextPtr context_{SSL_CTX_new(TLS_server_method())};
  int listener_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::size_t gathered_ = 0;          // under the mutex
  std::vector<std::thread> threads_;  // of the acceptor
  std::thread acceptor_;
};

// The "concurrency through one multi handle": this thread is the only one of the client.
TEST(Concurrency, HoldsAThousandConnectionsOpenAtOnceOnOneThread) {
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_cur < kDescriptors) {
    files.rlim_cur = std::min(files.rlim_max, kDescriptors);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  }
  ASSERT_GE(files.rlim_cur, kDescriptors) << "the hard limit is too low for this test";
  Gathering server;
  Options options;
  options.pins = PinnedTo("intermediate");
  options.trust = Trust({"root"});
  options.connect_to = {std::string(kHost) + "::" + server.authority()};
  options.timeout = kLong;
  options.connect_timeout = kLong;
  const Result<Client> client = Client::Create(std::move(options));
  ASSERT_TRUE(client) << client.error().message;

  std::vector<Pending> all;
  all.reserve(kMany);
  for (std::size_t i = 0; i < kMany; ++i) all.push_back(client->Start({.url = server.url()}));
  for (Pending& one : all) {
    const Result<Response> response = one.Wait();
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "hello\n");
    EXPECT_EQ(response->connection.outcome, Outcome::kPinnedOk);
    EXPECT_FALSE(response->connection.reused);
  }
  EXPECT_EQ(server.gathered(), kMany);
}

}  // namespace
}  // namespace cotter::client
