// SPDX-License-Identifier: Apache-2.0
//
// A server that answers one request without TLS, in a thread of this process, and keeps it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cotter/result.h>

namespace cotter::client {

class ClearServer {
 public:
  ClearServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    COTTER_CHECK(bind(listener_, plain, size) == 0 && listen(listener_, 1) == 0);
    COTTER_CHECK(getsockname(listener_, plain, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~ClearServer() {
    End();
    close(listener_);
  }
  ClearServer(const ClearServer&) = delete;
  ClearServer& operator=(const ClearServer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  // Received is the request. Nothing is served after this call.
  [[nodiscard]] const std::string& Received() {
    End();
    return received_;
  }

 private:
  void End() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

  void Serve() {
    constexpr std::string_view kAnswer =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    const int socket = accept(listener_, nullptr, nullptr);
    if (socket < 0) return;
    std::array<char, 4096> buffer;
    while (received_.find("\r\n\r\n") == std::string::npos) {
      const ssize_t size = recv(socket, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      received_.append(buffer.data(), static_cast<std::size_t>(size));
    }
    static_cast<void>(send(socket, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL));
    close(socket);
  }

  int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
  std::string received_;  // the thread's, until it has ended
  std::thread thread_;
};

}  // namespace cotter::client
