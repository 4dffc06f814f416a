// SPDX-License-Identifier: Apache-2.0
#include "cli/connect_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

#include "base/idna.h"

namespace cotter::cli {
namespace {

constexpr std::uint16_t kProxyPort = 3128;

constexpr std::chrono::milliseconds kMaxTimeout = std::chrono::hours(24);

// SplitColons cuts `text` at colons outside brackets.
std::vector<std::string_view> SplitColons(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  bool bracketed = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') bracketed = true;
    if (text[i] == ']') bracketed = false;
    if (text[i] == ':' && !bracketed) {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  parts.push_back(text.substr(start));
  return parts;
}

Error Malformed(std::string_view option, std::string_view value, std::string_view expected) {
  return Error{Code::kUsage, "--" + std::string(option) + " '" + std::string(value) +
                                 "' is not understood: expected " + std::string(expected)};
}

// Within names the option and the value in front of what is wrong with a part of it.
Error Within(std::string_view option, std::string_view value, Error error) {
  error.message =
      "--" + std::string(option) + " '" + std::string(value) + "': " + std::move(error.message);
  return error;
}

Result<HostName> ParseHost(std::string_view text) { return HostName::Parse(text, &base::Idna()); }

Result<std::optional<HostName>> HostOrEmpty(std::string_view text) {
  if (text.empty()) return std::optional<HostName>();
  Result<HostName> host = ParseHost(text);
  if (!host) return std::move(host).error();
  return std::optional<HostName>(std::move(*host));
}

Result<PortMatch> PortOrEmpty(std::string_view text) {
  if (text.empty()) return PortMatch();
  const Result<std::uint16_t> port = ParsePort(text);
  if (!port) return port.error();
  return PortMatch(*port);
}

Result<ConnectToRule> ParseConnectTo(std::string_view text) {
  constexpr std::string_view kExpected = "HOST1:PORT1:HOST2:PORT2 or ADDR:PORT";
  std::vector<std::string_view> parts = SplitColons(text);
  if (parts.size() == 2 && !parts[0].empty() && !parts[1].empty()) {
    parts.insert(parts.begin(), {std::string_view(), std::string_view()});
  }
  if (parts.size() != 4) return Malformed("connect-to", text, kExpected);
  Result<std::optional<HostName>> from = HostOrEmpty(parts[0]);
  if (!from) return Within("connect-to", text, from.error());
  const Result<PortMatch> from_port = PortOrEmpty(parts[1]);
  if (!from_port) return Within("connect-to", text, from_port.error());
  Result<std::optional<HostName>> to = HostOrEmpty(parts[2]);
  if (!to) return Within("connect-to", text, to.error());
  const Result<PortMatch> to_port = PortOrEmpty(parts[3]);
  if (!to_port) return Within("connect-to", text, to_port.error());
  return ConnectToRule{.from_host = std::move(*from),
                       .from_port = *from_port,
                       .to_host = std::move(*to),
                       .to_port = *to_port};
}

// ParseAddresses reads "ADDR[,ADDR...]", IPv6 in brackets or not.
Result<std::vector<HostName>> ParseAddresses(std::string_view text) {
  std::vector<HostName> addresses;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, comma);
    Result<HostName> address = ParseHost(part);
    if (!address) return std::move(address).error();
    if (!address->is_ip()) {
      return Error{Code::kHostInvalid, "'" + std::string(part) + "' is not an IP address"};
    }
    addresses.push_back(std::move(*address));
    if (comma == text.size()) return addresses;
    text.remove_prefix(comma + 1);
  }
}

Result<ResolveRule> ParseResolve(std::string_view text) {
  const std::vector<std::string_view> parts = SplitColons(text);
  if (parts.size() < 3 || parts[0].empty()) {
    return Malformed("resolve", text, "HOST:PORT:ADDR[,ADDR...]");
  }
  ResolveRule rule;
  if (parts[0] != "*") {
    Result<HostName> host = ParseHost(parts[0]);
    if (!host) return Within("resolve", text, host.error());
    rule.host = std::move(*host);
  }
  const Result<std::uint16_t> port = ParsePort(parts[1]);
  if (!port) return Within("resolve", text, port.error());
  rule.port = *port;
  // Bare IPv6 addresses hold colons themselves, so the rest is what follows the second part.
  const auto rest = static_cast<std::size_t>(parts[2].data() - text.data());
  Result<std::vector<HostName>> addresses = ParseAddresses(text.substr(rest));
  if (!addresses) return Within("resolve", text, addresses.error());
  rule.addresses = std::move(*addresses);
  return rule;
}

Result<HostName> ParseSni(std::string_view text) {
  Result<HostName> name = ParseHost(text);
  if (!name) return Within("sni", text, name.error());
  // RFC 6066, 3: "Literal IPv4 and IPv6 addresses are not permitted in "HostName"."
  if (name->is_ip()) return Malformed("sni", text, "a host name, not an address");
  return name;
}

// ParseProxy never repeats its value in an error, because of the password.
Result<ProxyOption> ParseProxy(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  if (text.find("://") != std::string_view::npos) {
    return Error{Code::kUsage, "--proxy: only http:// proxies are supported"};
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  std::string_view credentials;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    credentials = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  Result<Endpoint> address = ParseTarget(text, kProxyPort);
  if (!address) {
    return Error{address.error().code, "--proxy: " + address.error().message};
  }
  const std::size_t colon = std::min(credentials.find(':'), credentials.size());
  ProxyOption proxy{.host = std::move(address->host),
                    .port = address->port,
                    .user = std::string(credentials.substr(0, colon)),
                    .password = {}};
  if (colon < credentials.size()) proxy.password = credentials.substr(colon + 1);
  return proxy;
}

Starttls StarttlsNamed(std::string_view name) noexcept {
  const auto* found = std::find(std::begin(kStarttlsNames), std::end(kStarttlsNames), name);
  return found == std::end(kStarttlsNames)
             ? Starttls::kNone
             : static_cast<Starttls>(found - std::begin(kStarttlsNames) + 1);
}

// ParseRules reads the options that may be given several times.
Result<void> ParseRules(const Arguments& arguments, ConnectOptions& options) {
  for (const std::string_view value : arguments.Values("connect-to")) {
    Result<ConnectToRule> rule = ParseConnectTo(value);
    if (!rule) return rule.error();
    options.connect_to.push_back(std::move(*rule));
  }
  for (const std::string_view value : arguments.Values("resolve")) {
    Result<ResolveRule> rule = ParseResolve(value);
    if (!rule) return rule.error();
    options.resolve.push_back(std::move(*rule));
  }
  for (const std::string_view value : arguments.Values("cacert")) {
    options.ca_files.emplace_back(value);
  }
  return Ok();
}

Result<AddressFamily> ParseFamily(const Arguments& arguments) {
  const bool ipv4 = arguments.Has("ipv4");
  const bool ipv6 = arguments.Has("ipv6");
  if (ipv4 && ipv6) return Error{Code::kUsage, "-4 and -6 exclude each other"};
  return ipv4 ? AddressFamily::kIpv4 : ipv6 ? AddressFamily::kIpv6 : AddressFamily::kAny;
}

}  // namespace

Result<ConnectOptions> ParseConnectOptions(const Arguments& arguments) {
  ConnectOptions options;
  if (const Result<void> rules = ParseRules(arguments, options); !rules) return rules.error();
  if (const auto value = arguments.Value("sni")) {
    Result<HostName> name = ParseSni(*value);
    if (!name) return std::move(name).error();
    options.sni = std::move(*name);
  }
  if (arguments.Has("no-system-roots")) options.system_roots = SystemRoots::kIgnored;
  if (const auto value = arguments.Value("timeout")) {
    const Result<std::chrono::milliseconds> timeout = ParseSeconds(*value);
    if (!timeout) return Within("timeout", *value, timeout.error());
    options.timeout = *timeout;
  }
  if (const auto value = arguments.Value("starttls")) options.starttls = StarttlsNamed(*value);
  const Result<AddressFamily> family = ParseFamily(arguments);
  if (!family) return family.error();
  options.family = *family;
  if (const auto value = arguments.Value("proxy")) {
    Result<ProxyOption> proxy = ParseProxy(*value);
    if (!proxy) return std::move(proxy).error();
    options.proxy = std::move(*proxy);
  }
  return options;
}

Result<Endpoint> ParseTarget(std::string_view text, std::uint16_t default_port) {
  const std::vector<std::string_view> parts = SplitColons(text);
  // More than one colon outside brackets can only be a bare IPv6 address, which has no port.
  const bool has_port = parts.size() == 2;
  Result<HostName> host = ParseHost(has_port ? parts[0] : text);
  if (!host) return std::move(host).error();
  if (!has_port) return Endpoint{.host = std::move(*host), .port = default_port};
  const Result<std::uint16_t> port = ParsePort(parts[1]);
  if (!port) return port.error();
  return Endpoint{.host = std::move(*host), .port = *port};
}

Result<std::chrono::milliseconds> ParseSeconds(std::string_view text) {
  const Error malformed{Code::kUsage, "expected seconds, as 10 or 2.5"};
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      text.substr(std::min(point + 1, text.size()));  // "5." has an empty one
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool plain = std::all_of(whole.begin(), whole.end(), is_digit) &&
                     std::all_of(fraction.begin(), fraction.end(), is_digit);
  // Six digits are more than a day has seconds, so nothing below can overflow.
  if (!plain || whole.empty() || whole.size() > 6 || fraction.size() > 3) return malformed;
  if (point < text.size() && fraction.empty()) return malformed;
  std::string digits(whole);
  digits.append(fraction).append(3 - fraction.size(), '0');
  std::int64_t count = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), count);
  const std::chrono::milliseconds time(count);
  if (time <= std::chrono::milliseconds::zero() || time > kMaxTimeout) {
    return Error{Code::kUsage, "expected more than 0 and at most 86400 seconds"};
  }
  return time;
}

std::uint16_t DefaultPort(Starttls protocol) noexcept {
  switch (protocol) {
    case Starttls::kNone:
      return 443;
    case Starttls::kSmtp:
      return 25;
    case Starttls::kImap:
      return 143;
    case Starttls::kPop3:
      return 110;
    case Starttls::kFtp:
      return 21;
    case Starttls::kXmpp:
      return 5222;
    case Starttls::kPostgres:
      return 5432;
    case Starttls::kMysql:
      return 3306;
    case Starttls::kLdap:
      return 389;
  }
  return 443;
}

std::string FormatEndpoint(const Endpoint& endpoint) {
  const std::string host(endpoint.host.text());
  const bool ipv6 = endpoint.host.kind() == HostName::Kind::kIpv6;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port);
}

}  // namespace cotter::cli
