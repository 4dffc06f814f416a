// SPDX-License-Identifier: Apache-2.0
#include "net/starttls_binary.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <cotter/bytes.h>

namespace cotter::net {
namespace {

Error Refused(std::string message) { return Error{Code::kStarttlsRefused, std::move(message)}; }

template <std::size_t kSize>
std::string Text(const std::array<std::uint8_t, kSize>& bytes) {
  return std::string(AsText(bytes));
}

// SSLRequest: length 8, then the code 1234.5679 that stands where a version would.
constexpr std::array<std::uint8_t, 8> kPostgresRequest{0x00, 0x00, 0x00, 0x08,
                                                       0x04, 0xd2, 0x16, 0x2f};

// The packet of MySQL: three bytes of length, one of sequence, the payload.
constexpr std::size_t kMysqlHeaderSize = 4;
constexpr std::uint8_t kMysqlProtocol = 10;
constexpr std::uint8_t kMysqlErrorPacket = 0xff;
constexpr unsigned kMysqlClientSsl = 0x0800;
// Between the server version and the lower capability flags: thread id, 8 bytes of salt, a filler.
constexpr std::size_t kMysqlSkip = 4 + 8 + 1;

// SSLRequest: capabilities LONG_PASSWORD, LONG_FLAG, PROTOCOL_41, SSL, TRANSACTIONS,
// SECURE_CONNECTION, PLUGIN_AUTH; the largest packet 16 MiB; character set utf8; 23 zero bytes.
constexpr std::array<std::uint8_t, 36> kMysqlRequest{0x20, 0x00, 0x00, 0x01, 0x05, 0xaa, 0x08,
                                                     0x00, 0x00, 0x00, 0x00, 0x01, 0x21};

// LDAPMessage 1, ExtendedRequest of 1.3.6.1.4.1.1466.20037.
constexpr std::array<std::uint8_t, 31> kLdapRequest{
    0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16, '1', '.', '3', '.', '6', '.', '1',
    '.',  '4',  '.',  '1',  '.',  '1',  '4',  '6',  '6',  '.', '2', '0', '0', '3', '7'};
constexpr std::uint8_t kBerSequence = 0x30;
constexpr std::uint8_t kBerInteger = 0x02;
constexpr std::uint8_t kBerEnumerated = 0x0a;
constexpr std::uint8_t kLdapExtendedResponse = 0x78;

// BerElement is one element of definite length (RFC 4511, 5.1).
struct BerElement {
  std::uint8_t tag = 0;
  std::string_view content;
  std::size_t size = 0;  // with tag and length; may be more than there is
  bool whole = false;
};

// ReadBer reads the element that `bytes` begins with; nullopt where it is not one that LDAP allows.
// A cut header reads as an element that is not whole.
std::optional<BerElement> ReadBer(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() < 2) return BerElement{};
  std::size_t header = 2;
  std::size_t length = at(1);
  if (length >= 0x80) {
    const std::size_t octets = length - 0x80;
    if (octets == 0 || octets > 4) return std::nullopt;
    header += octets;
    if (bytes.size() < header) return BerElement{};
    length = 0;
    for (std::size_t i = 2; i < header; ++i) length = length << 8 | at(i);
  }
  if (length > kMaxPreambleBytes) return std::nullopt;
  const bool whole = bytes.size() >= header + length;
  return BerElement{at(0), whole ? bytes.substr(header, length) : std::string_view(),
                    header + length, whole};
}

// ExpectBer cuts an element with `tag` off `rest`.
std::optional<std::string_view> ExpectBer(std::string_view& rest, std::uint8_t tag) {
  const std::optional<BerElement> element = ReadBer(rest);
  if (!element || !element->whole || element->tag != tag) return std::nullopt;
  rest.remove_prefix(element->size);
  return element->content;
}

}  // namespace

std::string PostgresPreamble::Opening() { return Text(kPostgresRequest); }

Result<PreambleStep> PostgresPreamble::Advance(std::string_view received) {
  if (received.empty()) return PreambleStep{};
  if (received.front() == 'S') return PreambleStep{PreambleStep::Kind::kReady, 1, {}};
  if (received.front() == 'N') return Refused("postgres: the server does not offer TLS");
  return Refused("postgres: the server did not answer SSLRequest");
}

Result<PreambleStep> MysqlPreamble::Advance(std::string_view received) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(received[i]); };
  if (received.size() < kMysqlHeaderSize) return PreambleStep{};
  const std::size_t length = at(0) | std::size_t{at(1)} << 8 | std::size_t{at(2)} << 16;
  if (at(3) != 0 || length == 0 || length > kMaxPreambleBytes) {
    return Refused("mysql: the server does not greet");
  }
  if (received.size() < kMysqlHeaderSize + length) return PreambleStep{};
  const std::string_view payload = received.substr(kMysqlHeaderSize, length);
  if (static_cast<std::uint8_t>(payload.front()) == kMysqlErrorPacket) {
    return Refused("mysql: the server refuses connections from here");
  }
  if (static_cast<std::uint8_t>(payload.front()) != kMysqlProtocol) {
    return Refused("mysql: the server speaks another version of the protocol");
  }
  const std::size_t version_end = payload.find('\0', 1);
  const std::size_t flags = version_end + 1 + kMysqlSkip;
  if (version_end == std::string_view::npos || flags + 2 > payload.size()) {
    return Refused("mysql: the server's greeting is cut short");
  }
  const unsigned capabilities = static_cast<std::uint8_t>(payload[flags]) |
                                static_cast<unsigned>(static_cast<std::uint8_t>(payload[flags + 1]))
                                    << 8;
  if ((capabilities & kMysqlClientSsl) == 0) {
    return Refused("mysql: the server does not offer TLS");
  }
  return PreambleStep{PreambleStep::Kind::kReady, kMysqlHeaderSize + length, Text(kMysqlRequest)};
}

std::string LdapPreamble::Opening() { return Text(kLdapRequest); }

Result<PreambleStep> LdapPreamble::Advance(std::string_view received) {
  const std::optional<BerElement> message = ReadBer(received);
  if (!message || (!received.empty() && static_cast<std::uint8_t>(received[0]) != kBerSequence)) {
    return Refused("ldap: the server did not answer with an LDAP message");
  }
  if (!message->whole) return PreambleStep{};
  std::string_view rest = message->content;
  const std::optional<std::string_view> id = ExpectBer(rest, kBerInteger);
  std::optional<std::string_view> response = ExpectBer(rest, kLdapExtendedResponse);
  if (!id || *id != "\x01" || !response) {
    return Refused("ldap: the server did not answer the StartTLS request");
  }
  const std::optional<std::string_view> result = ExpectBer(*response, kBerEnumerated);
  if (!result || result->size() != 1) {
    return Refused("ldap: the server's answer has no result code");
  }
  if (const auto code = static_cast<std::uint8_t>(result->front()); code != 0) {
    return Refused("ldap: StartTLS was refused with result code " + std::to_string(code));
  }
  return PreambleStep{PreambleStep::Kind::kReady, message->size, {}};
}

}  // namespace cotter::net
