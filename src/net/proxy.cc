// SPDX-License-Identifier: Apache-2.0
#include "net/proxy.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include <cotter/bytes.h>

namespace cotter::net {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// StatusOf is the code of a status line "HTTP/1.1 200 ..." (RFC 9112, 4); nullopt if it is none.
std::optional<int> StatusOf(std::string_view line) {
  constexpr std::string_view kStart = "HTTP/1.";
  if (line.size() < 12 || !line.starts_with(kStart) || !IsDigit(line[7]) || line[8] != ' ' ||
      !std::all_of(line.begin() + 9, line.begin() + 12, IsDigit) ||
      (line.size() > 12 && line[12] != ' ')) {
    return std::nullopt;
  }
  return (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

}  // namespace

ConnectPreamble::ConnectPreamble(std::string_view authority, std::string_view user_and_password) {
  request_.append("CONNECT ").append(authority).append(" HTTP/1.1\r\nHost: ").append(authority);
  if (!user_and_password.empty()) {
    request_.append("\r\nProxy-Authorization: Basic ")
        .append(EncodeBase64(AsBytes(user_and_password)));
  }
  request_.append("\r\n\r\n");
}

Result<PreambleStep> ConnectPreamble::Advance(std::string_view received) {
  constexpr std::string_view kHttp = "HTTP/1.";
  constexpr std::string_view kHeadersEnd = "\r\n\r\n";
  if (!received.starts_with(kHttp.substr(0, received.size()))) {
    return Error{Code::kProxyFailed, "the proxy does not speak HTTP"};
  }
  const std::size_t line_end = received.find("\r\n");
  if (line_end == std::string_view::npos) return PreambleStep{};
  const std::optional<int> status = StatusOf(received.substr(0, line_end));
  if (!status) return Error{Code::kProxyFailed, "the proxy's status line is malformed"};
  if (*status == 407) {
    return Error{Code::kProxyFailed, "the proxy wants other credentials (status 407)"};
  }
  if (*status < 200 || *status > 299) {
    return Error{Code::kProxyFailed,
                 "the proxy opened no tunnel: status " + std::to_string(*status)};
  }
  const std::size_t end = received.find(kHeadersEnd);
  if (end == std::string_view::npos) return PreambleStep{};
  // A 2xx to CONNECT has no content, whatever its headers say (RFC 9110, 9.3.6).
  return PreambleStep{PreambleStep::Kind::kReady, end + kHeadersEnd.size(), {}};
}

}  // namespace cotter::net
