// SPDX-License-Identifier: Apache-2.0
#include "client/url.h"

#include <utility>

#include "base/idna.h"
#include "client/curl_library.h"

namespace cotter::client {

// Parts is libcurl's URL object.
struct Url::Parts {
  CurlUrlPtr handle;

  // Get is one part, or nothing where the URL does not have it.
  [[nodiscard]] std::optional<std::string> Get(CURLUPart part, unsigned flags = 0) const {
    char* raw = nullptr;
    if (Curl().url_get(handle.get(), part, &raw, flags) != CURLUE_OK) return std::nullopt;
    const CurlTextPtr text(raw);
    return std::string(text.get());
  }

  [[nodiscard]] bool Set(CURLUPart part, const char* value, unsigned flags = 0) const {
    return Curl().url_set(handle.get(), part, value, flags) == CURLUE_OK;
  }
};

namespace {

constexpr std::string_view kHostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-.";
constexpr std::string_view kTailCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/?=&+,;:";

Error Invalid(std::string what) { return Error{Code::kUrlInvalid, std::move(what)}; }

// CheckText refuses what no URL holds and what libcurl would cut at. A Location may hold spaces,
// which servers forget to encode.
Result<void> CheckText(std::string_view text, char lowest) {
  if (text.size() > kMaxUrlLength) return Invalid("the URL is longer than 64 KiB");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < static_cast<unsigned char>(lowest) || c == 0x7F) {
      return Invalid("the URL holds a space or a control character");
    }
  }
  return Ok();
}

}  // namespace

Result<Url> Url::Parse(std::string_view text) {
  if (std::optional<Url> url = ParseCanonical(text)) return *std::move(url);
  return ParseByLibrary(text);
}

// ParseCanonical reads what needs no thought: a lower-case host, a port that is not the default
// one, a path and query of characters that stand for themselves. Nullopt for anything else.
std::optional<Url> Url::ParseCanonical(std::string_view text) {
  const bool secure = text.starts_with("https://");
  if (!secure && !text.starts_with("http://")) return std::nullopt;
  if (text.size() > kMaxUrlLength) return std::nullopt;
  const std::string_view rest = text.substr(secure ? 8 : 7);
  const std::size_t host_end = rest.find_first_not_of(kHostCharacters);
  if (host_end == std::string_view::npos || host_end == 0) return std::nullopt;
  std::size_t path = host_end;
  std::uint16_t port = secure ? 443 : 80;
  if (rest[host_end] == ':') {
    path = rest.find('/', host_end);
    if (path == std::string_view::npos) return std::nullopt;
    const Result<std::uint16_t> given = ParsePort(rest.substr(host_end + 1, path - host_end - 1));
    if (!given || *given == port) return std::nullopt;
    port = *given;
  }
  const std::string_view tail = rest.substr(path);
  // Dots below the root may be segments that mean another path, and an empty query goes.
  if (tail.front() != '/' || tail.back() == '?' || tail.find("/.") != std::string_view::npos ||
      tail.find_first_not_of(kTailCharacters) != std::string_view::npos) {
    return std::nullopt;
  }
  Result<HostName> host = HostName::Parse(rest.substr(0, host_end));
  if (!host || host->text() != rest.substr(0, host_end)) return std::nullopt;
  return Url(secure ? Scheme::kHttps : Scheme::kHttp, Endpoint{*std::move(host), port},
             std::string(text), std::nullopt);
}

Result<Url> Url::ParseByLibrary(std::string_view text) {
  if (const Result<void> sound = CheckText(text, '!'); !sound) return sound.error();
  const Parts parts{CurlUrlPtr(Curl().url())};
  if (!parts.handle) return Error{Code::kInternal, "no memory for a URL"};
  if (text.find("://") == std::string_view::npos ||
      !parts.Set(CURLUPART_URL, std::string(text).c_str(), CURLU_NON_SUPPORT_SCHEME)) {
    return Invalid("expected http://HOST… or https://HOST…");
  }
  return FromParts(parts);
}

Result<Url> Url::Resolve(std::string_view location) const {
  if (location.empty()) return Invalid("the Location is empty");
  if (const Result<void> sound = CheckText(location, ' '); !sound) return sound.error();
  const Parts parts{CurlUrlPtr(Curl().url())};
  if (!parts.handle || !parts.Set(CURLUPART_URL, text_.c_str())) {
    return Error{Code::kInternal, "no memory for a URL"};
  }
  if (!parts.Set(CURLUPART_URL, std::string(location).c_str(),
                 CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE | CURLU_DISALLOW_USER)) {
    return Invalid("the Location is no URL");
  }
  return FromParts(parts);
}

Result<Url> Url::FromParts(const Parts& parts) {
  const std::optional<std::string> scheme = parts.Get(CURLUPART_SCHEME);
  const std::optional<std::string> host = parts.Get(CURLUPART_HOST);
  if (!scheme || (*scheme != "http" && *scheme != "https")) {
    return Invalid("expected http:// or https://");
  }
  if (!host || host->empty()) return Invalid("the URL has no host");
  if (parts.Get(CURLUPART_ZONEID)) return Invalid("the URL's address has a zone");
  Result<HostName> name = HostName::Parse(*host, &base::Idna());
  if (!name) return name.error();
  const std::optional<std::string> port_text = parts.Get(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  Result<std::uint16_t> port = ParsePort(port_text.value_or(""));
  if (!port) return Invalid("the URL's port is not a number from 1 to 65535");

  std::optional<Credentials> credentials;
  if (std::optional<std::string> user = parts.Get(CURLUPART_USER, CURLU_URLDECODE)) {
    credentials =
        Credentials{*std::move(user), parts.Get(CURLUPART_PASSWORD, CURLU_URLDECODE).value_or("")};
  }
  std::string canonical(name->text());
  if (name->kind() == HostName::Kind::kIpv6) canonical = "[" + canonical + "]";
  const bool rewritten =
      parts.Set(CURLUPART_USER, nullptr) && parts.Set(CURLUPART_PASSWORD, nullptr) &&
      parts.Set(CURLUPART_OPTIONS, nullptr) && parts.Set(CURLUPART_FRAGMENT, nullptr) &&
      parts.Set(CURLUPART_HOST, canonical.c_str());
  std::optional<std::string> text;
  if (rewritten) text = parts.Get(CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
  if (!text || text->size() > kMaxUrlLength) return Invalid("the URL cannot be made canonical");
  return Url(*scheme == "https" ? Scheme::kHttps : Scheme::kHttp, Endpoint{*std::move(name), *port},
             *std::move(text), std::move(credentials));
}

Result<Url> Url::WithTls() const {
  const Parts parts{CurlUrlPtr(Curl().url())};
  const bool set = parts.handle && parts.Set(CURLUPART_URL, text_.c_str()) &&
                   parts.Set(CURLUPART_SCHEME, "https") &&
                   (endpoint_.port != 80 || parts.Set(CURLUPART_PORT, nullptr));
  if (!set) return Error{Code::kInternal, "no memory for a URL"};
  Result<Url> url = FromParts(parts);
  if (url) url->credentials_ = credentials_;
  return url;
}

bool Url::SameOrigin(const Url& other) const noexcept {
  return scheme_ == other.scheme_ && endpoint_.port == other.endpoint_.port &&
         endpoint_.host == other.endpoint_.host;
}

}  // namespace cotter::client
