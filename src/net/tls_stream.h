// SPDX-License-Identifier: Apache-2.0
//
// TLS on a socket, with a deadline on every step and a bound on what a handshake may make us read.
// Which certificates are good is the SSL object's affair, set up by its maker; this file only moves
// the bytes and says what went wrong. Movable, owned by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <openssl/ssl.h>

#include "net/deadline.h"
#include "net/socket.h"
#include <cotter/bytes.h>
#include <cotter/path.h>
#include <cotter/result.h>

namespace cotter::net {

// The bytes of all certificates of one handshake: 16 of the largest that are seen in practice (RSA
// keys of 16 Kibit, long lists of names) take about 100 KiB.
inline constexpr std::size_t kMaxCertificateBytes = std::size_t{256} * 1024;

// All bytes that a handshake may read: the certificates in their records, and room for the rest.
inline constexpr std::size_t kMaxHandshakeBytes = kMaxCertificateBytes + std::size_t{128} * 1024;

struct FreeSsl {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;

// TlsStream is a client's TLS connection.
class TlsStream {
 public:
  // A stream that has not shaken hands yet. `ssl` is set up but for its transport.
  TlsStream(Socket socket, SslPtr ssl);
  TlsStream(TlsStream&&) noexcept;
  TlsStream& operator=(TlsStream&&) noexcept;
  ~TlsStream();

  // Handshake completes the handshake. Fails with kConnectTimeout, kConnectionClosed, kNotTls (the
  // answer is no TLS record), kChainTooLong, kPkiError (the verifier refused; whoever set it up
  // knows why), kTlsFailed, kNetworkError.
  [[nodiscard]] Result<void> Handshake(Deadline deadline);

  // Read waits for application data; 0 is the peer's close_notify. Fails as Handshake does; an end
  // without close_notify is kConnectionClosed.
  [[nodiscard]] Result<std::size_t> Read(std::span<std::uint8_t> into, Deadline deadline);

  // WriteAll sends all of `bytes`. Fails as Handshake does.
  [[nodiscard]] Result<void> WriteAll(ByteView bytes, Deadline deadline);

  // What is left to do after a step that did not wait.
  enum class Step : std::uint8_t { kDone, kWaitToRead, kWaitToWrite };

  // TryHandshake, TryRead and TryWrite go as far as they can without waiting, for whoever waits by
  // an event loop; they fail as those above do, but for time. `count` is what was moved where the
  // step is kDone; 0 read is the peer's close_notify.
  [[nodiscard]] Result<Step> TryHandshake();
  [[nodiscard]] Result<Step> TryRead(std::span<std::uint8_t> into, std::size_t& count);
  [[nodiscard]] Result<Step> TryWrite(ByteView bytes, std::size_t& count);

  // BoundReading lets the peer send at most `bytes` more from now on, records and all; a step that
  // meets the bound fails with kTlsFailed.
  void BoundReading(std::size_t bytes) noexcept;

  // Close sends close_notify if that is possible at once. The destructor closes the socket.
  void Close() noexcept;

  // presented is the chain as the server sent it, byte by byte; also where the handshake failed
  // after it. Empty where it sent none.
  [[nodiscard]] const PresentedChain& presented() const noexcept COTTER_LIFETIME_BOUND;

  // has_answered reports that this side has sent its Finished. In TLS 1.3, and with every key
  // exchange but RSA's before, it does so only after the server proved that it holds its key.
  [[nodiscard]] bool has_answered() const noexcept;

  // version is "TLSv1.3", cipher is "TLS_AES_128_GCM_SHA256"; of a completed handshake.
  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::string cipher() const;

  [[nodiscard]] SSL* ssl() const noexcept;

 private:
  struct State;

  std::unique_ptr<State> state_;
};

}  // namespace cotter::net
