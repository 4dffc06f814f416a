// SPDX-License-Identifier: Apache-2.0
//
// The CONNECT line that asks an HTTP proxy for a tunnel. The proxy sees the endpoint's name and its
// own credentials, and nothing else of the caller's.
#pragma once

#include <string>
#include <string_view>

#include "net/preamble.h"

namespace cotter::net {

// ConnectPreamble is RFC 9110, section 9.3.6.
class ConnectPreamble final : public Preamble {
 public:
  // `authority` is "host:port", an IPv6 address in brackets; `user_and_password` is
  // "user:password", or empty.
  ConnectPreamble(std::string_view authority, std::string_view user_and_password);

  [[nodiscard]] std::string Opening() override { return request_; }
  [[nodiscard]] Result<PreambleStep> Advance(std::string_view received) override;
  [[nodiscard]] Code overrun() const noexcept override { return Code::kProxyFailed; }

 private:
  std::string request_;
};

}  // namespace cotter::net
