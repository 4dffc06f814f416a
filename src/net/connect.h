// SPDX-License-Identifier: Apache-2.0
//
// From a target to the ways to it: which names have to be looked up, and which addresses then have
// to be connected to, by which proxy, with what to speak before TLS. Pure; whoever has an event
// loop goes there (probe/engine). Safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/address.h"
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

// RoutePlan is which names have to be looked up before there are routes.
struct RoutePlan {
  std::vector<std::string> names;  // names and address literals; at least one
  std::uint16_t port = 0;          // of all of them
  Family family = Family::kAny;
  std::vector<std::string> tunnels;  // what to ask the proxy for, whose name `names` is; or none
};

// PlanRoutes is the plan for `target`. Allocates.
[[nodiscard]] RoutePlan PlanRoutes(const Target& target, const ConnectOptions& options);

// RoutesOf makes the routes of `plan`, for each of whose names `found` has what became of it, in
// their order: one for each address. Through a proxy there is one for the target's name, because
// the proxy resolves it; only addresses that --resolve names are asked for one by one. Fails as the
// look-ups did, or with kProxyFailed.
[[nodiscard]] Result<std::vector<Route>> RoutesOf(
    const RoutePlan& plan, const std::vector<Result<std::vector<Address>>>& found);

}  // namespace cotter::net
