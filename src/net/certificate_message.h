// SPDX-License-Identifier: Apache-2.0
//
// The Certificate message of a TLS handshake, read byte by byte, so that a presented chain is kept
// exactly as it was sent: a TLS library hands certificates out parsed, and encodes them anew. A
// pure function, safe from any thread.
#pragma once

#include <cstdint>

#include <cotter/bytes.h>
#include <cotter/path.h>
#include <cotter/result.h>

namespace cotter::net {

// The two layouts of the message.
enum class CertificateLayout : std::uint8_t {
  kTls12,  // RFC 5246, 7.4.2, and older
  kTls13,  // RFC 8446, 4.4.2: a context first, extensions behind each certificate
};

// ReadCertificateMessage reads a whole handshake message, its four bytes of header included. Fails
// with kTlsFailed where it is malformed, and with kChainTooLong where it holds more than
// kMaxPathLength certificates. Allocates the result, which is not longer than the message.
[[nodiscard]] Result<PresentedChain> ReadCertificateMessage(ByteView message,
                                                            CertificateLayout layout);

}  // namespace cotter::net
