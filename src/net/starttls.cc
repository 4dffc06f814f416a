// SPDX-License-Identifier: Apache-2.0
#include "net/starttls.h"

#include <array>

#include "net/starttls_binary.h"
#include "net/starttls_text.h"

namespace cotter::net {
namespace {

struct Protocol {
  Starttls id;
  std::string_view name;
  std::uint16_t port;
};

constexpr std::array kProtocols{
    Protocol{Starttls::kSmtp, "smtp", 25},     Protocol{Starttls::kImap, "imap", 143},
    Protocol{Starttls::kPop3, "pop3", 110},    Protocol{Starttls::kFtp, "ftp", 21},
    Protocol{Starttls::kXmpp, "xmpp", 5222},   Protocol{Starttls::kPostgres, "postgres", 5432},
    Protocol{Starttls::kMysql, "mysql", 3306}, Protocol{Starttls::kLdap, "ldap", 389},
};

constexpr std::uint16_t kHttpsPort = 443;

}  // namespace

std::optional<Starttls> ParseStarttls(std::string_view name) noexcept {
  for (const Protocol& protocol : kProtocols) {
    if (protocol.name == name) return protocol.id;
  }
  return std::nullopt;
}

std::uint16_t DefaultPort(Starttls protocol) noexcept {
  for (const Protocol& known : kProtocols) {
    if (known.id == protocol) return known.port;
  }
  return kHttpsPort;
}

std::unique_ptr<Preamble> MakeStarttls(Starttls protocol, std::string_view host) {
  switch (protocol) {
    case Starttls::kNone:
      return nullptr;
    case Starttls::kSmtp:
      return std::make_unique<SmtpPreamble>();
    case Starttls::kImap:
      return std::make_unique<ImapPreamble>();
    case Starttls::kPop3:
      return std::make_unique<Pop3Preamble>();
    case Starttls::kFtp:
      return std::make_unique<FtpPreamble>();
    case Starttls::kXmpp:
      return std::make_unique<XmppPreamble>(host);
    case Starttls::kPostgres:
      return std::make_unique<PostgresPreamble>();
    case Starttls::kMysql:
      return std::make_unique<MysqlPreamble>();
    case Starttls::kLdap:
      return std::make_unique<LdapPreamble>();
  }
  return nullptr;
}

}  // namespace cotter::net
