// SPDX-License-Identifier: Apache-2.0
//
// Wire is one accepted TCP connection as the lab's server uses it: every wait ends at the
// connection's deadline, or at once when the server stops. Used by one thread; it owns the socket.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include <cotter/bytes.h>

namespace cotter::lab {

// Descriptor owns a file descriptor and closes it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  void Close() noexcept;

 private:
  int fd_ = -1;
};

// WireLimits bounds a Wire.
struct WireLimits {
  int stop_fd = -1;  // borrowed; readable when the server stops
  std::chrono::steady_clock::time_point deadline;
  std::chrono::milliseconds dribble{0};  // pause after each byte written; 0: none
};

class Wire {
 public:
  // `socket` is a connected, non-blocking stream socket.
  Wire(Descriptor socket, const WireLimits& limits) noexcept
      : socket_(std::move(socket)), limits_(limits) {}

  // Read waits for bytes and returns how many it put into `buffer`. 0 when the peer closed, and
  // when the wire is over: by an error, the deadline or the stop.
  [[nodiscard]] std::size_t Read(std::span<std::uint8_t> buffer);

  // Write sends all of `bytes`. False when the wire is over.
  [[nodiscard]] bool Write(ByteView bytes);

  // Drain reads and forgets until the peer closes or the wire is over.
  void Drain();

  // AwaitEnd says nothing, and waits until the peer closes or the wire is over.
  void AwaitEnd();

  // CloseWriting ends the server's direction (FIN).
  void CloseWriting() noexcept;

  // CloseGently ends the server's direction and gives the peer a moment to take what was sent: a
  // close with unread bytes would reset the connection and throw that away.
  void CloseGently();

  // Reset closes the connection with a RST.
  void Reset() noexcept;

 private:
  enum class Direction : std::uint8_t { kRead, kWrite, kHangUp };

  // Await waits for `direction`; false at the deadline and at the stop.
  [[nodiscard]] bool Await(Direction direction) const;
  [[nodiscard]] bool Pause(std::chrono::milliseconds pause) const;
  [[nodiscard]] bool WriteChunk(ByteView bytes);

  Descriptor socket_;
  WireLimits limits_;
};

}  // namespace cotter::lab
