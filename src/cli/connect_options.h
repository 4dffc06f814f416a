// SPDX-License-Identifier: Apache-2.0
//
// The options of every command that connects, declared once, and the values that they parse into.
// Parsing is strict: what is not understood is an error, never a guess. Values, safe from any
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/option.h"
#include <cotter/host.h>
#include <cotter/result.h>

namespace cotter::cli {

// PortMatch is a rule's port, nullopt for every port.
using PortMatch = std::optional<std::uint16_t>;

// ResolveRule is one --resolve, as curl writes it: HOST:PORT:ADDR[,ADDR...], HOST "*" for every
// host.
struct ResolveRule {
  std::optional<HostName> host;  // nullopt for every host
  std::uint16_t port = 0;
  std::vector<HostName> addresses;  // IP addresses, one at least
};

// ConnectToRule is one --connect-to, as curl writes it: HOST1:PORT1:HOST2:PORT2, each of which may
// be empty, or ADDR:PORT for every target. The first rule that fits a target is used.
struct ConnectToRule {
  std::optional<HostName> from_host;  // nullopt for every host
  PortMatch from_port;
  std::optional<HostName> to_host;  // nullopt: stays as it is
  PortMatch to_port;                // nullopt: stays as it is
};

// Starttls is a protocol that begins in clear and turns to TLS.
enum class Starttls { kNone, kSmtp, kImap, kPop3, kFtp, kXmpp, kPostgres, kMysql, kLdap };

// AddressFamily is which addresses of a name are asked.
enum class AddressFamily { kAny, kIpv4, kIpv6 };

// SystemRoots is whether the machine's trusted roots take part.
enum class SystemRoots { kTrusted, kIgnored };

// ProxyOption is an HTTP proxy to tunnel through with CONNECT. The credentials go to it alone.
struct ProxyOption {
  HostName host;
  std::uint16_t port;
  std::string user;      // empty: no credentials
  std::string password;  // never printed
};

// kStarttlsNames is the protocols as the command line names them, in the order of Starttls, kNone
// left out.
inline constexpr std::string_view kStarttlsNames[] = {"smtp", "imap",     "pop3",  "ftp",
                                                      "xmpp", "postgres", "mysql", "ldap"};

// kConnectOptions is the options of every command that connects.
inline constexpr Option kConnectOptions[] = {
    {.name = "connect-to",
     .arg = "HOST1:PORT1:HOST2:PORT2",
     .help = "connect to HOST2:PORT2 where HOST1:PORT1 is asked for, as curl does; ADDR:PORT alone "
             "is for every target",
     .repeat = Repeat::kMany,
     .complete = Complete::kHost},
    {.name = "resolve",
     .arg = "HOST:PORT:ADDR",
     .help = "use ADDR (several with commas) as the addresses of HOST, as curl does; '*' is every "
             "host",
     .repeat = Repeat::kMany,
     .complete = Complete::kHost},
    {.name = "sni",
     .arg = "NAME",
     .help = "send NAME as server name; the certificate is still checked for the target's name",
     .complete = Complete::kHost},
    {.name = "cacert",
     .arg = "FILE",
     .help = "trust the certificates in FILE too",
     .repeat = Repeat::kMany,
     .complete = Complete::kFile},
    {.name = "no-system-roots", .help = "do not trust the roots of this machine"},
    {.name = "timeout",
     .arg = "SECONDS",
     .help = "give up on a connection after SECONDS, fractions allowed (default 10)"},
    {.name = "starttls",
     .arg = "PROTOCOL",
     .help = "start in clear and turn to TLS as PROTOCOL does",
     .choices = kStarttlsNames},
    {.name = "ipv4", .letter = '4', .help = "ask IPv4 addresses only"},
    {.name = "ipv6", .letter = '6', .help = "ask IPv6 addresses only"},
    {.name = "proxy",
     .arg = "[http://][USER:PASSWORD@]HOST[:PORT]",
     .help = "tunnel through this HTTP proxy (default port 3128); environment variables are not "
             "read",
     .complete = Complete::kHost},
};

// kConnectGroup is the group to put into Command::groups.
inline constexpr OptionGroup kConnectGroup{"Connection options", kConnectOptions};

// ConnectOptions is all of them.
struct ConnectOptions {
  std::vector<ConnectToRule> connect_to;
  std::vector<ResolveRule> resolve;
  std::optional<HostName> sni;  // nullopt: the target's own name
  std::vector<std::string> ca_files;
  SystemRoots system_roots = SystemRoots::kTrusted;
  std::chrono::milliseconds timeout{10'000};
  Starttls starttls = Starttls::kNone;
  AddressFamily family = AddressFamily::kAny;
  std::optional<ProxyOption> proxy;
};

// ParseConnectOptions reads the group's options from `arguments`. Fails with the code of what is
// wrong in a value (kHostInvalid, kPortInvalid) or kUsage; the message names the option.
[[nodiscard]] Result<ConnectOptions> ParseConnectOptions(const Arguments& arguments);

// ParseTarget reads HOST, HOST:PORT, an IPv4 address with or without port, "[::1]", "[::1]:PORT" or
// a bare IPv6 address. Fails with kHostInvalid or kPortInvalid.
[[nodiscard]] Result<Endpoint> ParseTarget(std::string_view text, std::uint16_t default_port);

// ParseSeconds reads a positive decimal number of seconds, at most a day, with at most three
// digits after the point ("2.5"). Fails with kUsage.
[[nodiscard]] Result<std::chrono::milliseconds> ParseSeconds(std::string_view text);

// DefaultPort is where `protocol` is usually spoken: 443 without STARTTLS.
[[nodiscard]] std::uint16_t DefaultPort(Starttls protocol) noexcept;

// FormatEndpoint writes "host:port", IPv6 addresses in brackets. Allocates.
[[nodiscard]] std::string FormatEndpoint(const Endpoint& endpoint);

}  // namespace cotter::cli
