// SPDX-License-Identifier: Apache-2.0
//
// The options of a client once they have been checked as a whole. Immutable, shared by everything
// of that client.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/url.h"
#include <cotter/client.h>
#include <cotter/openssl.h>

namespace cotter::client {

// ProxyUrl is a proxy, taken apart.
struct ProxyUrl {
  enum class Kind : std::uint8_t { kHttp, kHttps, kSocks5, kSocks5Hostname };

  Kind kind;
  Endpoint endpoint;
  std::optional<Credentials> credentials;
};

// ParseProxy reads SCHEME://[USER:PASSWORD@]HOST[:PORT]; the port is 443 for https and 1080 for the
// others where none is given, as curl has it. Fails with kUrlInvalid or kHostInvalid; the message
// holds nothing of the text, which may have a password in it.
[[nodiscard]] Result<ProxyUrl> ParseProxy(std::string_view text);

// Settings is what a client works with.
struct Settings {
  Options options;  // as given; `policy`, `trust`, `now`, `random` are set
  std::optional<ProxyUrl> proxy;
};

// CheckOptions checks `options` and fills in what was left to the client. Fails as Client::Create.
[[nodiscard]] Result<Settings> CheckOptions(Options options);

// MakePolicy is the policy that `pins` come to. Fails with the code of what is wrong in them.
[[nodiscard]] Result<PolicyIndex> MakePolicy(const Pins& pins, Unlisted unlisted);

}  // namespace cotter::client
