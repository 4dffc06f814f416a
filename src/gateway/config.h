// SPDX-License-Identifier: Apache-2.0
//
// The gateway's configuration file, TOML: which sockets lead to which servers, and the limits.
// docs/gateway.md is its reference. Reading is strict: a key that is not known is an error that
// names the line. Values, safe from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/async/listener.h"
#include "net/http/head.h"
#include "net/target.h"
#include <cotter/pin.h>
#include <cotter/result.h>
#include <cotter/trust.h>

namespace cotter::gateway {

// What a route speaks with its clients.
enum class RouteMode : std::uint8_t {
  kHttp,     // HTTP/1.1 in, HTTP/1.1 over pinned TLS out
  kTcp,      // bytes in, the same bytes over pinned TLS out
  kConnect,  // an HTTP proxy's tunnels to allowed servers: the client does TLS, nothing is verified
};

// RouteConfig is one socket and the server that it leads to.
struct RouteConfig {
  std::string name;
  net::ListenAddress listen;
  RouteMode mode = RouteMode::kHttp;
  std::optional<net::Target> upstream;  // the reference host; not in kConnect
  std::vector<net::Address> addresses;  // where the upstream is; empty: by its name
  std::vector<std::string> hosts;       // names that clients may call the gateway by; "*" is any
  std::vector<net::Target> allow;       // kConnect
  std::string certificate;              // of the client, a PEM file with its chain
  std::string key;
  unsigned permissions = 0600;  // of a Unix socket
  std::size_t connections = 256;
  std::size_t idle_connections = 32;
};

// Limits bound what clients can take.
struct Limits {
  std::size_t connections = 10'240;
  net::http::HeadLimits head;
  std::uint64_t body = std::uint64_t{1} << 30;
};

// Timeouts are how long each step may take.
struct Timeouts {
  std::chrono::seconds connect{10};
  std::chrono::seconds handshake{10};
  std::chrono::seconds header{10};    // a request's head, from its first byte
  std::chrono::seconds body{30};      // without progress of a body
  std::chrono::seconds response{30};  // from a request to the head of its response
  std::chrono::seconds idle{60};      // a client between requests
  std::chrono::seconds pool{30};      // an upstream connection between requests
  std::chrono::seconds session{600};  // TCP and CONNECT, without a byte in either direction
  std::chrono::seconds drain{30};     // from SIGTERM to the end
};

// GatewayConfig is the file.
struct GatewayConfig {
  Digest digest{};          // SHA-256 of the file
  std::string policy;       // a path; empty where a repository is followed
  std::string environment;  // that the policy must be for; empty is any
  bool log_connections = false;
  bool resume = true;  // TLS sessions, bound to what decided about them
  tls::TrustOptions trust;
  std::optional<net::ListenAddress> admin;
  Limits limits;
  Timeouts timeouts;
  std::vector<RouteConfig> routes;
};

// The file is small: every route is written by hand or by a program that knows what it does.
inline constexpr std::size_t kMaxConfigSize = std::size_t{1} << 20;
inline constexpr std::size_t kMaxRoutes = 256;

// ReadConfig reads the text of a configuration. `file` is its name in errors, and what paths in it
// are relative to. Fails with kPolicySyntax,
// kPolicyUnknownKey or kPolicyInvalid, as the policy's reader does; the message begins
// "file:line:column: ".
[[nodiscard]] Result<GatewayConfig> ReadConfig(std::string_view text, const std::string& file);

// LoadConfig reads the file. Fails as base::ReadFile does, too.
[[nodiscard]] Result<GatewayConfig> LoadConfig(const std::string& file);

}  // namespace cotter::gateway
