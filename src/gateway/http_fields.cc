// SPDX-License-Identifier: Apache-2.0
#include "gateway/http_fields.h"

#include <charconv>
#include <optional>

namespace cotter::gateway {
namespace {

using net::http::EqualsIgnoringCase;
using net::http::Field;
using net::http::FieldName;

constexpr std::uint16_t kHttpsPort = 443;

void AppendField(std::string& to, const Field& field, std::string_view value) {
  to += field.name;
  to += ": ";
  to += value;
  to += "\r\n";
}

void AppendAuthority(std::string& to, const net::Target& target) {
  const bool is_ipv6 = target.host.kind() == HostName::Kind::kIpv6;
  if (is_ipv6) to += '[';
  to += target.host.text();
  if (is_ipv6) to += ']';
  if (target.port != kHttpsPort) {
    to += ':';
    to += std::to_string(target.port);
  }
}

// PathAt is what follows "https://TARGET" in `location`; nullopt where it leads elsewhere.
std::optional<std::string_view> PathAt(std::string_view location, const net::Target& target) {
  constexpr std::string_view kScheme = "https://";
  if (!EqualsIgnoringCase(location.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  std::string_view rest = location.substr(kScheme.size());
  const std::size_t end = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  const auto parsed = net::ParseTarget(authority, kHttpsPort);
  if (!parsed || parsed->host != target.host || parsed->port != target.port) return std::nullopt;
  return rest;
}

bool HasExtraConnectionOptions(std::span<const Field> fields) {
  for (const Field& field : fields) {
    if (field.known != FieldName::kConnection) continue;
    if (!EqualsIgnoringCase(field.value, "keep-alive") &&
        !EqualsIgnoringCase(field.value, "close")) {
      return true;
    }
  }
  return false;
}

// HopByHop answers IsHopByHop for the fields of one head; nearly all heads name no field in
// Connection, so there is nothing to compare with.
class HopByHop {
 public:
  explicit HopByHop(std::span<const Field> fields)
      : fields_(HasExtraConnectionOptions(fields) ? fields : std::span<const Field>{}) {}
  [[nodiscard]] bool Has(const Field& field) const { return IsHopByHop(field, fields_); }

 private:
  std::span<const Field> fields_;
};

// WithoutPort is the name in a Host value, without brackets.
std::string_view WithoutPort(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  return host.substr(0, host.rfind(':'));
}

}  // namespace

void AppendUpstreamHead(std::string& to, const net::http::RequestHead& request,
                        std::span<const Field> fields, const net::Target& target, bool keep_alive) {
  to += request.method;
  to += ' ';
  to += request.target;
  to += " HTTP/1.1\r\nHost: ";
  AppendAuthority(to, target);
  to += "\r\n";
  const HopByHop hop(fields);
  for (const Field& field : fields) {
    if (field.known == FieldName::kHost || field.known == FieldName::kTrailer) continue;
    if (!hop.Has(field)) AppendField(to, field, field.value);
  }
  if (!keep_alive) to += "Connection: close\r\n";
  to += "\r\n";
}

void AppendClientHead(std::string& to, const net::http::ResponseHead& response,
                      std::span<const Field> fields, const net::Target& target, bool keep_alive) {
  to += "HTTP/1.1 ";
  to += std::to_string(response.status);
  to += ' ';
  to += response.reason;
  to += "\r\n";
  // RFC 9110, 8.6 and RFC 9112, 6.1: neither has a place there, and readers differ on what it
  // means.
  const bool no_framing = response.status < 200 || response.status == 204;
  const HopByHop hop(fields);
  for (const Field& field : fields) {
    if (field.known == FieldName::kAltSvc || hop.Has(field)) continue;
    const bool is_framing =
        field.known == FieldName::kContentLength || field.known == FieldName::kTransferEncoding;
    if (no_framing && is_framing) continue;
    if (field.known == FieldName::kLocation) {
      if (const auto path = PathAt(field.value, target)) {
        to += "Location: ";
        // What begins with two slashes would name another host.
        if (path->starts_with("//")) to += "/.";
        if (!path->starts_with('/')) to += '/';
        to += *path;
        to += "\r\n";
        continue;
      }
    }
    AppendField(to, field, field.value);
  }
  if (!keep_alive) to += "Connection: close\r\n";
  to += "\r\n";
}

bool IsNameOf(std::string_view host, const net::ListenAddress& bound) {
  if (!bound.address) return true;
  const std::string_view name = WithoutPort(host);
  for (const std::string_view one : {"localhost", "127.0.0.1", "::1"}) {
    if (EqualsIgnoringCase(name, one)) return true;
  }
  return name == bound.address->HostText();
}

bool IsNameOfRoute(std::string_view host, const RouteConfig& route,
                   const net::ListenAddress& bound) {
  const std::string_view name = WithoutPort(host);
  if (route.upstream && EqualsIgnoringCase(name, route.upstream->host.text())) return true;
  for (const std::string& one : route.hosts) {
    if (one == "*" || EqualsIgnoringCase(name, one)) return true;
  }
  return IsNameOf(host, bound);
}

}  // namespace cotter::gateway
