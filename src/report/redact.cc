// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <cotter/report.h>

namespace cotter::report {
namespace {

// Headers whose values say nothing of a person or an account. Sorted.
constexpr std::array<std::string_view, 22> kHarmless = {
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "pragma",
    "prefer",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
};
static_assert(std::is_sorted(kHarmless.begin(), kHarmless.end()));

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool IsSchemeCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '-' || c == '.';
}

// EndsInPort reports whether what stands behind the last colon of `authority`, if there is one and
// it is not part of an IPv6 address, is a number. What is none may be a password.
bool EndsInPort(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.back() == ']') return true;
  const std::string_view port = authority.substr(colon + 1);
  return std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// UrlParts is where an absolute URL (RFC 3986, 3) comes apart.
struct UrlParts {
  bool absolute = false;
  std::string_view scheme;     // with "://"
  std::string_view authority;  // without user information
  std::string_view path;
  bool has_query = false;
};

UrlParts Split(std::string_view url) {
  UrlParts parts;
  const std::size_t colon = url.find("://");
  if (colon == std::string_view::npos || colon == 0) return parts;
  parts.scheme = url.substr(0, colon + 3);
  if (!std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(colon),
                   IsSchemeCharacter)) {
    return parts;
  }
  std::string_view rest = url.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t query = rest.find('?');
  parts.has_query = query != std::string_view::npos;
  rest = rest.substr(0, query);
  // A backslash counts as a slash: browsers' rules for URLs have it so, and a password must not
  // pass for a path because of it.
  const std::size_t slash = rest.find_first_of("/\\");
  parts.authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) parts.path = rest.substr(slash);
  const std::size_t at = parts.authority.rfind('@');
  if (at != std::string_view::npos) parts.authority.remove_prefix(at + 1);
  // What has an at sign behind the first slash may be a password with a slash in it.
  if (parts.path.find('@') != std::string_view::npos) parts.path = {};
  parts.absolute = !parts.authority.empty() && EndsInPort(parts.authority);
  return parts;
}

}  // namespace

std::string RedactUrl(std::string_view url) {
  const UrlParts parts = Split(url);
  if (!parts.absolute) return std::string(kRedacted);
  std::string redacted(parts.scheme);
  redacted += parts.authority;
  redacted += parts.path;
  if (parts.has_query) {
    redacted += '?';
    redacted += kRedacted;
  }
  return redacted;
}

std::string OriginOf(std::string_view url) {
  const UrlParts parts = Split(url);
  if (!parts.absolute) return std::string(kRedacted);
  return std::string(parts.scheme) + std::string(parts.authority);
}

std::vector<Header> RedactHeaders(std::span<const Header> headers) {
  std::vector<Header> redacted;
  redacted.reserve(headers.size());
  for (const Header& header : headers) {
    const bool harmless = std::binary_search(kHarmless.begin(), kHarmless.end(),
                                             std::string_view(Lower(header.name)));
    redacted.push_back({header.name, harmless ? header.value : std::string(kRedacted)});
  }
  return redacted;
}

Request MakeRequest(std::string_view method, std::string_view url,
                    std::span<const Header> headers) {
  return {std::string(method), RedactUrl(url), RedactHeaders(headers)};
}

}  // namespace cotter::report
