// SPDX-License-Identifier: Apache-2.0
//
// TLS in front of a server on loopback, in threads of this process: with a lab server that speaks
// CONNECT behind it, an HTTPS proxy. What arrives is handed on, and counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lab/world.h"
#include "tls/openssl_ptr.h"

namespace cotter::client {

class TlsFront {
 public:
  // Presents `identity` on a free port, and hands on to 127.0.0.1:`backend`. Aborts where the
  // system gives no socket.
  TlsFront(const lab::Identity& identity, std::uint16_t backend);
  ~TlsFront();
  TlsFront(const TlsFront&) = delete;
  TlsFront& operator=(const TlsFront&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::size_t handshakes() const noexcept { return handshakes_; }
  [[nodiscard]] std::size_t application_bytes() const noexcept { return application_bytes_; }

 private:
  void Accept();
  void Serve(int socket);
  void Relay(SSL* ssl, int backend);

  tls::SslContextPtr context_;
  std::uint16_t backend_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> handshakes_{0};
  std::atomic<std::size_t> application_bytes_{0};
  std::mutex mutex_;
  bool stopping_ = false;             // under the mutex
  std::vector<int> sockets_;          // likewise; closed at the end
  std::vector<std::thread> threads_;  // likewise
  std::thread acceptor_;
};

}  // namespace cotter::client
