// SPDX-License-Identifier: Apache-2.0
//
// What a program does around a raw TLS socket, for the doors that are one: the TCP connection,
// through a proxy where one is asked for, and one HTTP/1.1 exchange. One thread; blocking, with
// kPatience for every wait.
#pragma once

#include <functional>
#include <string>

#include "tests/attacks/doors/door.h"

namespace cotter::attacks {

inline constexpr int kPatienceSeconds = 20;

// Socket owns a connected TCP socket.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  [[nodiscard]] int get() const { return descriptor_; }
  // Release gives the descriptor away.
  [[nodiscard]] int Release();
  // Peer is "ADDRESS:PORT" of the other end.
  [[nodiscard]] std::string Peer() const;

 private:
  int descriptor_ = -1;
};

// OpenTunnel connects to where `request` says: directly, by an HTTP proxy's CONNECT or by SOCKS 5.
// To an HTTPS proxy it only connects: TLS, and then AskForTunnel, are the caller's. Fails with
// kConnectRefused or kProxyFailed.
[[nodiscard]] Result<Socket> OpenTunnel(const GetRequest& request);

// How a TLS library moves bytes. Read is given room and returns how much of it was filled, both
// return nothing more than 0 at the end and on errors.
struct Pipe {
  std::function<long(char*, std::size_t)> read;
  std::function<long(const char*, std::size_t)> write;
};

// AskForTunnel has the HTTP proxy at the other end of `pipe` connect to the request's host (RFC
// 9110, 9.3.6). The bytes are read one by one, so that none of TLS is taken.
[[nodiscard]] Result<void> AskForTunnel(const GetRequest& request, const Pipe& pipe);

// Exchange sends the request and reads the whole answer; the status, or 0 where there was none.
[[nodiscard]] int Exchange(const GetRequest& request, const Pipe& pipe);

}  // namespace cotter::attacks
