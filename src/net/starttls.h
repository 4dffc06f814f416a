// SPDX-License-Identifier: Apache-2.0
//
// The dialogues that turn a clear connection into TLS. Each ends at the server's go-ahead; a server
// that offers no TLS is refused, and nothing goes on in clear.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/preamble.h"

namespace cotter::net {

// Starttls is the protocol that precedes TLS.
enum class Starttls : std::uint8_t {
  kNone,      // TLS from the first byte
  kSmtp,      // RFC 3207
  kImap,      // RFC 9051, 6.2.1
  kPop3,      // RFC 2595, 4
  kFtp,       // RFC 4217, 4
  kXmpp,      // RFC 6120, 5, client to server
  kPostgres,  // PostgreSQL's protocol, "SSL Session Encryption"
  kMysql,     // MySQL's protocol, "SSLRequest"
  kLdap,      // RFC 4511, 4.14
};

// ParseStarttls knows the names of --starttls: smtp, imap, pop3, ftp, xmpp, postgres, mysql, ldap.
[[nodiscard]] std::optional<Starttls> ParseStarttls(std::string_view name) noexcept;

// DefaultPort is where servers of the protocol listen; 443 for kNone.
[[nodiscard]] std::uint16_t DefaultPort(Starttls protocol) noexcept;

// MakeStarttls is a fresh dialogue; null for kNone. `host` is the reference host, which XMPP names.
// Allocates.
[[nodiscard]] std::unique_ptr<Preamble> MakeStarttls(Starttls protocol, std::string_view host);

}  // namespace cotter::net
