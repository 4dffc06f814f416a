// SPDX-License-Identifier: Apache-2.0
#include "net/target.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "net/address.h"

namespace cotter::net {
namespace {

// A zone is an interface name (at most 15 bytes, IFNAMSIZ) or its number.
constexpr std::size_t kMaxZoneLength = 15;

// More addresses for one name than any look asks.
constexpr std::size_t kMaxOverrideAddresses = 64;

// TakeField cuts the part before the next ':' off `rest`; a ':' inside [brackets] does not count.
// The separator goes too. nullopt where a bracket does not close, or is followed by something else.
std::optional<std::string_view> TakeField(std::string_view& rest) {
  std::size_t end = 0;
  if (rest.starts_with('[')) {
    end = rest.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    ++end;
    if (end < rest.size() && rest[end] != ':') return std::nullopt;
  } else {
    end = std::min(rest.find(':'), rest.size());
  }
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return field;
}

std::string_view WithoutBrackets(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

bool IsZoneCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '_' || c == '-';
}

// LookupName is the canonical text of `host` and the zone that `text` carries, if any.
Result<std::string> LookupName(const HostName& host, std::string_view text) {
  std::string name(host.text());
  const std::size_t percent = text.find('%');
  if (percent == std::string_view::npos || host.kind() != HostName::Kind::kIpv6) return name;
  const std::string_view zone =
      WithoutBrackets(text).substr(text.starts_with('[') ? percent - 1 : percent);
  if (zone.size() < 2 || zone.size() > kMaxZoneLength + 1 ||
      !std::all_of(zone.begin() + 1, zone.end(), IsZoneCharacter)) {
    return Error{Code::kHostInvalid, "the zone after '%' is not an interface"};
  }
  return name.append(zone);
}

// A HOST of a connection option, which may be a name or an address.
Result<std::string> ParseHostField(std::string_view text, const IdnaMapper* idna) {
  Result<HostName> host = HostName::Parse(text, idna);
  if (!host) return std::move(host).error();
  return LookupName(*host, text);
}

Error Usage(std::string_view option, std::string_view expected) {
  std::string message(option);
  message.append(": expected ").append(expected);
  return Error{Code::kUsage, std::move(message)};
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// PercentDecode undoes RFC 3986, 2.1; nullopt where a '%' is not followed by two digits.
std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

}  // namespace

Result<Target> ParseTarget(std::string_view text, std::uint16_t default_port,
                           const IdnaMapper* idna) {
  if (text.find("://") != std::string_view::npos) {
    return Error{Code::kHostInvalid,
                 "expected a host and not a URL: api.example.com or api.example.com:443"};
  }
  std::string_view host_text = text;
  std::optional<std::string_view> port_text;
  // More than one colon outside brackets is an IPv6 address without a port.
  if (text.starts_with('[') || std::count(text.begin(), text.end(), ':') == 1) {
    std::string_view rest = text;
    const std::optional<std::string_view> field = TakeField(rest);
    if (!field) return Error{Code::kHostInvalid, "expected [IPv6 address] or [IPv6 address]:port"};
    host_text = *field;
    if (host_text.size() < text.size()) port_text = rest;
  }
  Result<HostName> host = HostName::Parse(host_text, idna);
  if (!host) return std::move(host).error();
  Result<std::string> lookup_name = LookupName(*host, host_text);
  if (!lookup_name) return std::move(lookup_name).error();
  std::uint16_t port = default_port;
  if (port_text) {
    const Result<std::uint16_t> parsed = ParsePort(*port_text);
    if (!parsed) return parsed.error();
    port = *parsed;
  }
  return Target{*std::move(host), port, *std::move(lookup_name)};
}

std::string FormatTarget(const Target& target) {
  std::string text = target.lookup_name;
  if (target.host.kind() == HostName::Kind::kIpv6) text = "[" + text + "]";
  return text + ":" + std::to_string(target.port);
}

Result<ResolveOverride> ParseResolve(std::string_view text, const IdnaMapper* idna) {
  const Error wrong = Usage("--resolve", "HOST:PORT:ADDRESS[,ADDRESS]...");
  if (text.starts_with('+')) text.remove_prefix(1);
  const std::optional<std::string_view> host_text = TakeField(text);
  const std::optional<std::string_view> port_text = TakeField(text);
  if (!host_text || !port_text || text.empty()) return wrong;
  ResolveOverride made;
  if (*host_text != "*") {
    Result<HostName> host = HostName::Parse(*host_text, idna);
    if (!host) return Error{Code::kUsage, "--resolve: " + host.error().message};
    made.host = *std::move(host);
  }
  const Result<std::uint16_t> port = ParsePort(*port_text);
  if (!port) return wrong;
  made.port = *port;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string address(WithoutBrackets(text.substr(0, comma)));
    const bool more = comma < text.size();
    text.remove_prefix(comma + (more ? 1 : 0));
    if (!Address::FromText(address, made.port) || (more && text.empty()) ||
        made.addresses.size() == kMaxOverrideAddresses) {
      return wrong;
    }
    made.addresses.push_back(std::move(address));
  }
  return made;
}

Result<ConnectTo> ParseConnectTo(std::string_view text, const IdnaMapper* idna) {
  const Error wrong = Usage("--connect-to", "HOST1:PORT1:HOST2:PORT2 or HOST:PORT");
  std::vector<std::string_view> fields;
  for (bool more = true; more;) {
    const std::size_t before = text.size();
    const std::optional<std::string_view> field = TakeField(text);
    if (!field || fields.size() == 4) return wrong;
    fields.push_back(*field);
    more = field->size() < before;  // a separator followed
  }
  if (fields.size() == 2) fields.insert(fields.begin(), 2, std::string_view());
  if (fields.size() != 4) return wrong;
  ConnectTo made;
  if (!fields[0].empty()) {
    Result<HostName> host = HostName::Parse(fields[0], idna);
    if (!host) return Error{Code::kUsage, "--connect-to: " + host.error().message};
    made.from_host = *std::move(host);
  }
  if (!fields[2].empty()) {
    Result<std::string> host = ParseHostField(fields[2], idna);
    if (!host) return Error{Code::kUsage, "--connect-to: " + host.error().message};
    made.to_host = *std::move(host);
  }
  for (const auto& [port_text, slot] :
       {std::pair(fields[1], &made.from_port), std::pair(fields[3], &made.to_port)}) {
    if (port_text.empty()) continue;
    const Result<std::uint16_t> port = ParsePort(port_text);
    if (!port) return wrong;
    *slot = *port;
  }
  return made;
}

Result<Proxy> ParseProxy(std::string_view text, const IdnaMapper* idna) {
  const Error wrong = Usage("--proxy", "[http://][USER:PASSWORD@]HOST[:PORT]");
  constexpr std::string_view kScheme = "http://";
  if (text.starts_with(kScheme)) {
    text.remove_prefix(kScheme.size());
  } else if (text.find("://") != std::string_view::npos) {
    return Error{Code::kUsage, "--proxy: only http:// proxies are supported"};
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  Proxy made;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view user_info = text.substr(0, at);
    const std::size_t colon = user_info.find(':');
    std::optional<std::string> user = PercentDecode(user_info.substr(0, colon));
    std::optional<std::string> password = PercentDecode(
        colon == std::string_view::npos ? std::string_view() : user_info.substr(colon + 1));
    // RFC 7617, 2: a user-id has no colon. It would shift into the password.
    if (!user || !password || user->find(':') != std::string::npos) return wrong;
    made.user_and_password = *user + ":" + *password;
    text.remove_prefix(at + 1);
  }
  Result<Target> target = ParseTarget(text, kDefaultProxyPort, idna);
  if (!target) return wrong;
  made.host = target->lookup_name;
  made.port = target->port;
  return made;
}

}  // namespace cotter::net
