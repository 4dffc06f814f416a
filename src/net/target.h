// SPDX-License-Identifier: Apache-2.0
//
// The texts that say where to connect: a target, curl's --resolve and --connect-to, and the URL of
// a proxy. Pure functions of their arguments, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/host.h>
#include <cotter/result.h>

namespace cotter::net {

// Target is a server as somebody named it.
struct Target {
  HostName host;            // the reference host
  std::uint16_t port = 0;   // 1 to 65535
  std::string lookup_name;  // what is resolved: the host, with its zone where one was given
};

// ParseTarget reads "host", "host:port", "[::1]:port", "[::1]", "::1" or "fe80::1%eth0", with
// `default_port` where there is none. Fails with kHostInvalid or kPortInvalid. Allocates.
[[nodiscard]] Result<Target> ParseTarget(std::string_view text, std::uint16_t default_port,
                                         const IdnaMapper* idna = nullptr);

// FormatTarget is "host:port", an IPv6 address in brackets. Allocates.
[[nodiscard]] std::string FormatTarget(const Target& target);

// ResolveOverride is one --resolve: the addresses of a name, instead of the name service's.
struct ResolveOverride {
  std::optional<HostName> host;  // nullopt is "*", every host
  std::uint16_t port = 0;
  std::vector<std::string> addresses;  // literals, not empty
};

// ParseResolve reads "HOST:PORT:ADDR[,ADDR]...". HOST may be "*", IPv6 may stand in brackets, and
// the leading '+' of curl's (an entry that expires) is accepted. Fails with kUsage. Allocates.
[[nodiscard]] Result<ResolveOverride> ParseResolve(std::string_view text,
                                                   const IdnaMapper* idna = nullptr);

// ConnectTo is one --connect-to: connect there instead of here. It changes neither the reference
// host nor the SNI.
struct ConnectTo {
  std::optional<HostName> from_host;       // nullopt matches every host
  std::optional<std::uint16_t> from_port;  // nullopt matches every port
  std::string to_host;                     // empty keeps the host
  std::optional<std::uint16_t> to_port;    // nullopt keeps the port
};

// ParseConnectTo reads "HOST1:PORT1:HOST2:PORT2", where each may be empty, or "HOST:PORT", which
// takes the place of every target. Fails with kUsage. Allocates.
[[nodiscard]] Result<ConnectTo> ParseConnectTo(std::string_view text,
                                               const IdnaMapper* idna = nullptr);

// Proxy is an HTTP proxy that opens tunnels.
struct Proxy {
  std::string host;  // a name or an address literal
  std::uint16_t port = 0;
  std::string user_and_password;  // decoded, "user:password"; empty is none. Secret
};

// The port of a proxy that names none: Squid's.
inline constexpr std::uint16_t kDefaultProxyPort = 3128;

// ParseProxy reads "[http://][USER:PASSWORD@]HOST[:PORT][/]", user and password percent-decoded.
// Fails with kUsage; other schemes say so, and no message repeats the password. Allocates.
[[nodiscard]] Result<Proxy> ParseProxy(std::string_view text, const IdnaMapper* idna = nullptr);

}  // namespace cotter::net
