// SPDX-License-Identifier: Apache-2.0
#include "cli/connect_options.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/idna.h"
#include "net/starttls.h"

namespace cotter::cli {
namespace {

constexpr std::chrono::milliseconds kMaxTimeout = std::chrono::hours(24);

Error Refused(std::string_view option, std::string_view value, const Error& error) {
  return Error{error.code,
               "--" + std::string(option) + " '" + std::string(value) + "': " + error.message};
}

// FullConnectTo makes curl's four fields of "ADDR:PORT", which is for every target.
std::string FullConnectTo(std::string_view text) {
  bool bracketed = false;
  std::size_t colons = 0;
  for (const char c : text) {
    bracketed = c == '[' || (bracketed && c != ']');
    colons += c == ':' && !bracketed ? 1 : 0;
  }
  return (colons == 1 ? "::" : "") + std::string(text);
}

// ParseRoutes reads what changes where a name leads.
Result<void> ParseRoutes(const Arguments& arguments, net::ConnectOptions& options) {
  for (const std::string_view value : arguments.Values("connect-to")) {
    Result<net::ConnectTo> rule = net::ParseConnectTo(FullConnectTo(value), &base::Idna());
    if (!rule) return std::move(rule).error();
    options.connect_to.push_back(std::move(*rule));
  }
  for (const std::string_view value : arguments.Values("resolve")) {
    Result<net::ResolveOverride> rule = net::ParseResolve(value, &base::Idna());
    if (!rule) return std::move(rule).error();
    options.resolve.push_back(std::move(*rule));
  }
  if (const auto value = arguments.Value("proxy")) {
    Result<net::Proxy> proxy = net::ParseProxy(*value, &base::Idna());
    if (!proxy) return std::move(proxy).error();
    options.proxy = std::move(*proxy);
  }
  return Ok();
}

Result<HostName> ParseSni(std::string_view text) {
  Result<HostName> name = HostName::Parse(text, &base::Idna());
  if (!name) return Refused("sni", text, name.error());
  // RFC 6066, 3: "Literal IPv4 and IPv6 addresses are not permitted in "HostName"."
  if (name->is_ip()) {
    return Refused("sni", text, Error{Code::kHostInvalid, "expected a name, not an address"});
  }
  return name;
}

Result<net::Family> ParseFamily(const Arguments& arguments) {
  const bool ipv4 = arguments.Has("ipv4");
  const bool ipv6 = arguments.Has("ipv6");
  if (ipv4 && ipv6) return Error{Code::kUsage, "-4 and -6 exclude each other"};
  return ipv4 ? net::Family::kIpv4 : ipv6 ? net::Family::kIpv6 : net::Family::kAny;
}

}  // namespace

Result<ConnectionOptions> ParseConnectionOptions(const Arguments& arguments) {
  ConnectionOptions options;
  if (Result<void> routes = ParseRoutes(arguments, options.connect); !routes) {
    return std::move(routes).error();
  }
  const Result<net::Family> family = ParseFamily(arguments);
  if (!family) return family.error();
  options.connect.family = *family;
  if (const auto value = arguments.Value("starttls")) {
    // The parser let only the names of kStarttlsNames through.
    options.connect.starttls = net::ParseStarttls(*value).value();
  }
  if (const auto value = arguments.Value("sni")) {
    Result<HostName> name = ParseSni(*value);
    if (!name) return std::move(name).error();
    options.sni = std::move(*name);
  }
  if (const auto value = arguments.Value("timeout")) {
    const Result<std::chrono::milliseconds> timeout = ParseSeconds(*value);
    if (!timeout) return Refused("timeout", *value, timeout.error());
    options.timeout = *timeout;
  }
  for (const std::string_view value : arguments.Values("cacert")) {
    options.trust.files.emplace_back(value);
  }
  if (arguments.Has("no-system-roots")) options.trust.system_roots = tls::SystemRoots::kNone;
  return options;
}

Result<std::string> ParseConnectTo(std::string_view text) {
  std::string full = FullConnectTo(text);
  const Result<net::ConnectTo> rule = net::ParseConnectTo(full, &base::Idna());
  if (!rule) return rule.error();
  return full;
}

Result<net::Target> ParseTarget(std::string_view text, const ConnectionOptions& options) {
  return net::ParseTarget(text, net::DefaultPort(options.connect.starttls), &base::Idna());
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

}  // namespace cotter::cli
