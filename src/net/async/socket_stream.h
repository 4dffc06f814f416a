// SPDX-License-Identifier: Apache-2.0
//
// A connected socket, TCP or Unix, as a stream. For one thread.
#pragma once

#include "net/address.h"
#include "net/async/stream.h"
#include "net/socket.h"

namespace cotter::net {

// DescriptorReader reads a socket and knows when there is nothing: a read that came back short has
// taken all there was, so the next one waits for the event loop without asking the kernel.
class DescriptorReader {
 public:
  void NoteReady(Readiness ready) noexcept {
    if (ready.read) drained_ = false;
    if (ready.ended) ended_ = true;
  }

  // Read is recv(2). kFailed leaves errno.
  [[nodiscard]] IoResult Read(int fd, std::span<std::uint8_t> into) noexcept;

 private:
  bool drained_ = true;  // until the event loop says otherwise
  bool ended_ = false;   // the end follows what is there, so short reads prove nothing
};

class SocketStream final : public Stream {
 public:
  // Takes a connected, non-blocking socket.
  explicit SocketStream(Socket socket) : socket_(std::move(socket)) {}

  void NoteReady(Readiness ready) noexcept override { reader_.NoteReady(ready); }
  [[nodiscard]] IoResult Read(std::span<std::uint8_t> into) override;
  using Stream::Write;
  [[nodiscard]] IoResult Write(ByteView first, ByteView second) override;
  [[nodiscard]] IoState EndWriting() override;
  [[nodiscard]] int fd() const noexcept override { return socket_.fd(); }
  [[nodiscard]] const Error& error() const noexcept override { return error_; }

  // ResetOnClose makes the close of the socket a reset, so that the peer does not take what it got
  // for the whole.
  void ResetOnClose() noexcept;

 private:
  Socket socket_;
  DescriptorReader reader_;
  Error error_;
};

// StartConnect begins a TCP connection to `address`, which is open, or has failed, once its
// descriptor is writable; FinishConnect then says which. Fails with the codes of Socket::Connect.
[[nodiscard]] Result<Socket> StartConnect(const Address& address);
[[nodiscard]] Result<void> FinishConnect(const Socket& socket, const Address& address);

}  // namespace cotter::net
