// SPDX-License-Identifier: Apache-2.0
//
// The BIO that TlsStream reads and writes through. OpenSSL's own socket BIO calls write(2), which
// raises SIGPIPE, and sets no bound; this one counts, and remembers how the peer began and ended.
// For tls_stream.cc only; one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <openssl/bio.h>

#include "net/deadline.h"
#include "net/socket.h"

namespace cotter::net {

// How the transport ended, if it did.
enum class TransportEnd : std::uint8_t {
  kOpen,
  kClosed,     // the peer closed its direction
  kFailed,     // a system call failed, see TlsTransport::system_error
  kOverLimit,  // the peer sent more than the limit
};

// TlsTransport is what the BIO works on. It must outlive the BIO's use.
struct TlsTransport {
  Socket socket;
  std::size_t limit = 0;  // of all bytes received; 0 is none
  // Once it has passed, reading only says "not now": a peer that always has a byte ready would
  // otherwise keep OpenSSL reading for ever.
  std::optional<Deadline> deadline;
  std::size_t received = 0;
  std::array<std::uint8_t, 8> first{};  // the first bytes received
  TransportEnd end = TransportEnd::kOpen;
  int system_error = 0;
};

// MakeTransportBio is a BIO over `transport`, to be owned by an SSL object; null without memory.
[[nodiscard]] BIO* MakeTransportBio(TlsTransport& transport);

}  // namespace cotter::net
