// SPDX-License-Identifier: Apache-2.0
//
// A TCP socket that never blocks past a deadline, is closed on exec, and never raises SIGPIPE.
// Movable, owned by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "net/address.h"
#include "net/deadline.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::net {

// Socket owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { Close(); }

  // Connect opens a TCP connection. Fails with kConnectRefused, kConnectTimeout or kNetworkError;
  // the message names the address.
  [[nodiscard]] static Result<Socket> Connect(const Address& address, Deadline deadline);

  // Read waits for bytes and puts at most `into.size()` of them there; 0 is the end of the stream.
  // Fails with kConnectTimeout, kConnectionClosed (reset) or kNetworkError.
  [[nodiscard]] Result<std::size_t> Read(std::span<std::uint8_t> into, Deadline deadline);

  // WriteAll sends all of `bytes`. Fails as Read does.
  [[nodiscard]] Result<void> WriteAll(ByteView bytes, Deadline deadline);

  // TryRead and TryWrite do the same without waiting: nullopt where nothing can be moved now.
  [[nodiscard]] Result<std::optional<std::size_t>> TryRead(std::span<std::uint8_t> into);
  [[nodiscard]] Result<std::optional<std::size_t>> TryWrite(ByteView bytes);

  // What to wait for.
  enum class Ready : std::uint8_t { kToRead, kToWrite };

  // Wait returns once the socket is ready, or has failed, which the next call on it will tell.
  // Fails with kConnectTimeout.
  [[nodiscard]] Result<void> Wait(Ready what, Deadline deadline) const;

  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  void Close() noexcept;

  int fd_ = -1;
};

// ErrorOf is the Error for the system's error number `number`, met while `doing` (a clause such as
// "connecting to 127.0.0.1:443"). Allocates.
[[nodiscard]] Error ErrorOf(int number, const std::string& doing);

}  // namespace cotter::net
