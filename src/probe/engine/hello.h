// SPDX-License-Identifier: Apache-2.0
//
// ClientHellos of our own, for what OpenSSL 3 no longer speaks: SSL 3, TLS 1.0 and 1.1, and suites
// that nobody should use. The server's first answer is all that is read: the version and the suite
// that it chose, or its alert. No key is exchanged and no connection comes of it. Pure functions,
// safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "probe/engine/question.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::probe {

// All that is read of an answer. A ServerHello is some 100 bytes, and stands in front.
inline constexpr std::size_t kMaxHelloAnswer = std::size_t{4} << 10;

// SuiteName is what a suite is called in IANA's registry, "TLS_RSA_WITH_RC4_128_SHA", or its number
// as "0x0005" where it is none that is ever offered.
[[nodiscard]] std::string SuiteName(std::uint16_t suite);

// UsualSuites is what is offered to learn whether `version` is spoken, WeakSuites what nobody
// should use: no encryption or authentication, keys below 112 bits, RC4, 3DES. Static storage.
[[nodiscard]] std::span<const std::uint16_t> UsualSuites(TlsVersion version) noexcept;
[[nodiscard]] std::span<const std::uint16_t> WeakSuites() noexcept;

// ClientHello is what a hello offers.
struct ClientHello {
  TlsVersion version = TlsVersion::kTls12;  // the highest that is offered; of TLS 1.3, the only one
  std::vector<std::uint16_t> suites;        // at least one
  std::string server_name;                  // empty: none is sent. SSL 3 has no room for it
  std::span<const std::uint8_t> random;     // 32 bytes
};

// EncodeHello is the record that is sent (RFC 5246, 7.4.1.2; RFC 8446, 4.1.2; RFC 6101, 5.6.1.2).
[[nodiscard]] Bytes EncodeHello(const ClientHello& hello);

// HelloAnswer is what the server said.
struct ServerChoice {
  TlsVersion version = TlsVersion::kTls12;
  std::uint16_t suite = 0;
};
struct ServerAlert {
  std::uint8_t description = 0;  // RFC 8446, 6.2
};
struct NeedMore {};
using HelloAnswer = std::variant<NeedMore, ServerChoice, ServerAlert>;

// ReadHelloAnswer reads what came in so far. Fails with kNotTls where it is no TLS record, and with
// kTlsFailed where it is no ServerHello that a client could go on with, or too long.
[[nodiscard]] Result<HelloAnswer> ReadHelloAnswer(ByteView received);

// AlertName is the name of an alert as the RFC has it, "handshake_failure", or its number.
[[nodiscard]] std::string AlertName(std::uint8_t description);

}  // namespace cotter::probe
