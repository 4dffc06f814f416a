// SPDX-License-Identifier: Apache-2.0
//
// A client's TLS connection under a policy, as a stream. There is no way to make one without an
// enforcer, and none to read or write before its verdict. For one thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "net/async/socket_stream.h"
#include "net/tls_stream.h"
#include <cotter/host.h>
#include <cotter/openssl.h>

namespace cotter::net {

// PinnedTransport is what OpenSSL reads from and writes to.
struct PinnedTransport {
  Socket socket;
  DescriptorReader reader;
  // What ends the client's handshake leaves together with its first data: one packet, and one call.
  std::array<std::uint8_t, 256> held;
  std::size_t held_size = 0;
  bool hold = true;
  std::size_t received = 0;
  std::size_t limit = 0;  // of `received`, during the handshake; 0 is none
  int system_error = 0;
  bool ended = false;
};

class PinnedStream final : public Stream {
 public:
  // Create takes a connected socket and attaches `enforcer` for `endpoint`. `context` was prepared
  // (Enforcer::Prepare) and must outlive the stream. Fails with kInternal.
  [[nodiscard]] static Result<std::unique_ptr<PinnedStream>> Create(Socket socket, SSL_CTX* context,
                                                                    const tls::Enforcer& enforcer,
                                                                    const Endpoint& endpoint);

  // Shake goes on with the handshake. kDone where it is complete and the verdict allows the
  // connection; kFailed where it is not, and error() has the code of the refusal.
  [[nodiscard]] IoState Shake();

  // CheckUse asks whether the connection may be used once more: a policy may have changed. Where it
  // fails the stream is of no more use. Write asks it too, so nothing leaves under a policy that
  // would refuse it.
  [[nodiscard]] Result<void> CheckUse();

  void NoteReady(Readiness ready) noexcept override { transport_.reader.NoteReady(ready); }
  [[nodiscard]] IoResult Read(std::span<std::uint8_t> into) override;
  using Stream::Write;
  // Write takes from one of the two only: each makes a record of its own.
  [[nodiscard]] IoResult Write(ByteView first, ByteView second) override;
  // EndWriting sends close_notify (RFC 8446, 6.1).
  [[nodiscard]] IoState EndWriting() override;
  [[nodiscard]] int fd() const noexcept override { return transport_.socket.fd(); }
  [[nodiscard]] const Error& error() const noexcept override { return error_; }

  [[nodiscard]] SSL* ssl() const noexcept { return ssl_.get(); }

 private:
  PinnedStream(Socket socket, SslPtr ssl) : ssl_(std::move(ssl)) {
    transport_.socket = std::move(socket);
  }
  bool Flush() noexcept;
  IoState Outcome(int result, const char* doing);
  Error Failure(int reason, const char* doing) const;

  PinnedTransport transport_;
  SslPtr ssl_;
  Error error_;
  bool confirmed_ = false;
  bool refused_ = false;  // by a later policy
};

}  // namespace cotter::net
