// SPDX-License-Identifier: Apache-2.0
//
// The STARTTLS dialogues of the protocols that speak in binary messages. See net/starttls.h,
// through which they are made.
#pragma once

#include <string>
#include <string_view>

#include "net/preamble.h"

namespace cotter::net {

// PostgresPreamble sends SSLRequest and takes one byte, 'S' or 'N' (PostgreSQL 15, 55.2.10). What
// follows 'S' before TLS is an injection (CVE-2021-23222).
class PostgresPreamble final : public Preamble {
 public:
  [[nodiscard]] std::string Opening() override;
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;
};

// MysqlPreamble reads the server's handshake packet (protocol 10) and sends SSLRequest, after which
// TLS begins without a reply.
class MysqlPreamble final : public Preamble {
 public:
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;
};

// LdapPreamble is RFC 4511, section 4.14: the StartTLS extended request and its response.
class LdapPreamble final : public Preamble {
 public:
  [[nodiscard]] std::string Opening() override;
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;
};

}  // namespace cotter::net
