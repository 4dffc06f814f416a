// SPDX-License-Identifier: Apache-2.0
//
// What all connections of a gateway share. One object, owned by the gateway; for the loop's thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "gateway/buffer.h"
#include "gateway/config.h"
#include "net/async/event_loop.h"
#include "net/async/resolver.h"
#include <cotter/openssl.h>
#include <cotter/pin.h>
#include <cotter/policy_source.h>
#include <cotter/trust.h>

namespace cotter::gateway {

// RouteCounters is what is counted for one route.
struct RouteCounters {
  std::map<int, std::uint64_t> requests;                 // by the status that the client got
  std::map<std::string, std::uint64_t> upstream_errors;  // by code
  std::uint64_t clients = 0;                             // accepted
  std::uint64_t open_clients = 0;
  std::uint64_t handshakes = 0;  // allowed
  std::uint64_t resumed = 0;     // of the handshakes
  std::uint64_t reuses = 0;      // requests on a connection that was open
  std::uint64_t retries = 0;
  std::uint64_t refused_clients = 0;  // over the limit
};

// Enforcement is how connections are judged. Reading the trust again makes another one, and the
// connections of the one before are as good where the trust is still the same.
struct Enforcement {
  tls::Enforcer enforcer;
  Digest trust;  // what is trusted
  std::shared_ptr<PolicySource> policy;
  std::shared_ptr<const tls::TrustStore> store;
};

struct Context {
  explicit Context(net::EventLoop& event_loop) : loop(event_loop), resolver(event_loop) {}

  net::EventLoop& loop;
  net::Resolver resolver;
  BlockPool blocks;
  Limits limits;
  Timeouts timeouts;
  std::shared_ptr<const Enforcement> enforcement;
  bool log_connections = false;
  bool draining = false;
};

}  // namespace cotter::gateway
