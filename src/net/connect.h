// SPDX-License-Identifier: Apache-2.0
//
// From a target to a socket on which TLS can begin: which addresses there are, then TCP, the
// proxy's tunnel and STARTTLS on one of them. Safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/deadline.h"
#include "net/socket.h"
#include "net/starttls.h"
#include "net/target.h"
#include <cotter/result.h>

namespace cotter::net {

// ConnectOptions are the ways to reach a server other than by asking for its name.
struct ConnectOptions {
  Family family = Family::kAny;
  std::vector<ResolveOverride> resolve;  // the last one that fits wins, an exact host before "*"
  std::vector<ConnectTo> connect_to;     // the first one that fits wins
  std::optional<Proxy> proxy;
  Starttls starttls = Starttls::kNone;
};

// Route is one way to a server.
struct Route {
  std::vector<Address> addresses;  // the server's one address, or all of the proxy's
  std::string tunnel;              // the authority to ask the proxy for; empty without a proxy
  std::string peer;                // for people: "127.0.0.1:443", or what the proxy was asked for
};

// FindRoutes is a route for each address of `target`. Through a proxy there is one route, because
// the proxy resolves the name; only addresses that --resolve names are asked for one by one. Fails
// with kDnsFailed or kConnectTimeout.
[[nodiscard]] Result<std::vector<Route>> FindRoutes(const Target& target,
                                                    const ConnectOptions& options,
                                                    Deadline deadline);

// OpenRoute connects and speaks what comes before TLS. `host` is the reference host. Fails with the
// codes of Socket::Connect and RunPreamble; where the proxy itself cannot be reached, with
// kProxyFailed.
[[nodiscard]] Result<Socket> OpenRoute(const Route& route, const HostName& host,
                                       const ConnectOptions& options, Deadline deadline);

}  // namespace cotter::net
