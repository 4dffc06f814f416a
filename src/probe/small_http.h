// SPDX-License-Identifier: Apache-2.0
//
// The few HTTP requests that looks make: what the server takes for the time and says in its
// headers, whether a request in clear is sent elsewhere, and the certificate of a missing issuer.
// Each is a fixed request of HTTP/1.0 that carries nothing of the caller's; answers are bounded and
// hostile. Nothing here is verified, and no decision about a connection may rest on it. Pure; the
// engine moves the bytes. Safe from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/target.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::probe {

// An issuer's certificate, or a PKCS #7 with a few of them, is some KiB.
inline constexpr std::size_t kMaxSmallAnswer = std::size_t{64} << 10;

// SmallAnswer is what is read of an answer.
struct SmallAnswer {
  int status = 0;        // 100 to 599
  std::string location;  // the Location field; empty where there is none
  std::optional<Time> date;
  std::string body;
};

// ParseSmallAnswer reads a whole answer of HTTP/1.x whose body ends with the connection. Fails with
// kNotTls where it is no HTTP: what speaks there is something else.
[[nodiscard]] Result<SmallAnswer> ParseSmallAnswer(std::string_view text);

// ParseHttpDate reads an IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7). Fails with
// kTimeInvalid.
[[nodiscard]] Result<Time> ParseHttpDate(std::string_view text);

// ParseStatus is the status of an answer that begins with `text`; nullopt where it is no HTTP/1.x.
[[nodiscard]] std::optional<int> ParseStatus(std::string_view text);

// EachField calls `visit` with the name and the value of every field of an answer's head, which
// `text` begins with. Lines that are no field are passed over.
void EachField(std::string_view text,
               const std::function<void(std::string_view name, std::string_view value)>& visit);

// IsField reports that a field is called `lower`, whatever its case.
[[nodiscard]] bool IsField(std::string_view name, std::string_view lower) noexcept;

// What is asked.
struct SmallRequest {
  std::string method = "GET";
  std::string host;  // for the Host field
  std::string path = "/";
};

// TextOf is the request as it is sent.
[[nodiscard]] std::string TextOf(const SmallRequest& request);

// ParseHttpUrl reads "http://HOST[:PORT]/PATH", the one form that issuers are fetched from, into a
// target and a path. Fails with kHostInvalid or kPortInvalid.
struct HttpUrl {
  net::Target target;
  std::string path;
};
[[nodiscard]] Result<HttpUrl> ParseHttpUrl(std::string_view text);

}  // namespace cotter::probe
