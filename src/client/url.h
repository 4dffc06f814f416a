// SPDX-License-Identifier: Apache-2.0
//
// URLs, read by libcurl's own parser, so that what is judged and what is connected to cannot
// differ, and rewritten with the canonical host before libcurl sees them again. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <cotter/host.h>
#include <cotter/result.h>

namespace cotter::client {

// Longer URLs are refused: servers take 8 KiB, and a Location comes from outside.
inline constexpr std::size_t kMaxUrlLength = std::size_t{64} << 10;

enum class Scheme : std::uint8_t { kHttp, kHttps };

// Credentials stood in a URL, decoded.
struct Credentials {
  std::string user;
  std::string password;
};

// Url is an absolute http or https URL.
class Url {
 public:
  // Parse reads a URL that the caller gave; it may hold credentials. Fails with kUrlInvalid or
  // kHostInvalid. Allocates.
  [[nodiscard]] static Result<Url> Parse(std::string_view text);

  // ParseByLibrary is Parse without the short way that it takes for a URL which is canonical
  // already. The two agree; the fuzzer compares them.
  [[nodiscard]] static Result<Url> ParseByLibrary(std::string_view text);

  // Resolve is where `location`, the Location header of an answer to this URL, leads (RFC 9110,
  // 10.2.2). Credentials in it are refused. Fails as Parse does.
  [[nodiscard]] Result<Url> Resolve(std::string_view location) const;

  [[nodiscard]] Scheme scheme() const noexcept { return scheme_; }
  [[nodiscard]] const Endpoint& endpoint() const noexcept { return endpoint_; }

  // text is the canonical form: no credentials, no fragment. Borrowed.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  [[nodiscard]] const std::optional<Credentials>& credentials() const noexcept {
    return credentials_;
  }

  // WithTls is the same URL as https; port 80 becomes 443, others stay (RFC 6797, 8.3).
  [[nodiscard]] Result<Url> WithTls() const;

  // SameOrigin reports the same scheme, host and port (RFC 6454).
  [[nodiscard]] bool SameOrigin(const Url& other) const noexcept;

 private:
  struct Parts;
  static Result<Url> FromParts(const Parts& parts);
  static std::optional<Url> ParseCanonical(std::string_view text);

  Url(Scheme scheme, Endpoint endpoint, std::string text, std::optional<Credentials> credentials)
      : endpoint_(std::move(endpoint)),
        text_(std::move(text)),
        credentials_(std::move(credentials)),
        scheme_(scheme) {}

  Endpoint endpoint_;
  std::string text_;
  std::optional<Credentials> credentials_;
  Scheme scheme_;
};

}  // namespace cotter::client
