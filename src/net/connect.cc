// SPDX-License-Identifier: Apache-2.0
#include "net/connect.h"

#include <utility>

namespace cotter::net {
namespace {

// Place is where to connect, after --connect-to.
struct Place {
  std::string name;
  std::uint16_t port;
  const HostName* host;  // null where --connect-to named another host
};

Place FindPlace(const Target& target, const ConnectOptions& options) {
  Place place{target.lookup_name, target.port, &target.host};
  for (const ConnectTo& entry : options.connect_to) {
    if (entry.from_host && *entry.from_host != target.host) continue;
    if (entry.from_port && *entry.from_port != target.port) continue;
    if (!entry.to_host.empty()) {
      place.name = entry.to_host;
      place.host = nullptr;
    }
    place.port = entry.to_port.value_or(place.port);
    break;
  }
  return place;
}

bool Names(const ResolveOverride& entry, const Place& place) {
  return place.host != nullptr ? *entry.host == *place.host : entry.host->text() == place.name;
}

const ResolveOverride* FindOverride(const Place& place, const ConnectOptions& options) {
  const ResolveOverride* wildcard = nullptr;
  const ResolveOverride* exact = nullptr;
  for (const ResolveOverride& entry : options.resolve) {
    if (entry.port != place.port) continue;
    if (!entry.host) {
      wildcard = &entry;
    } else if (Names(entry, place)) {
      exact = &entry;
    }
  }
  return exact != nullptr ? exact : wildcard;
}

// The names that stand for `place`: itself, or the addresses of its override.
std::vector<std::string> NamesFor(const Place& place, const ConnectOptions& options) {
  const ResolveOverride* found = FindOverride(place, options);
  return found == nullptr ? std::vector{place.name} : found->addresses;
}

std::string Authority(const std::string& name, std::uint16_t port) {
  const bool ipv6 = name.find(':') != std::string::npos;
  return (ipv6 ? "[" + name + "]" : name) + ":" + std::to_string(port);
}

}  // namespace

RoutePlan PlanRoutes(const Target& target, const ConnectOptions& options) {
  const Place place = FindPlace(target, options);
  std::vector<std::string> names = NamesFor(place, options);
  if (!options.proxy) return {std::move(names), place.port, options.family, {}};
  RoutePlan plan{{options.proxy->host}, options.proxy->port, Family::kAny, {}};
  for (const std::string& name : names) plan.tunnels.push_back(Authority(name, place.port));
  return plan;
}

Result<std::vector<Route>> RoutesOf(const RoutePlan& plan,
                                    const std::vector<Result<std::vector<Address>>>& found) {
  COTTER_CHECK(!found.empty());
  std::vector<Route> routes;
  if (!plan.tunnels.empty()) {
    const Result<std::vector<Address>>& proxy = found.front();
    if (!proxy) return Error{Code::kProxyFailed, "the proxy: " + proxy.error().message};
    for (const std::string& tunnel : plan.tunnels) routes.push_back(Route{*proxy, tunnel, tunnel});
    return routes;
  }
  std::optional<Error> failure;
  for (const Result<std::vector<Address>>& some : found) {
    if (!some) failure = some.error();
    if (!some) continue;
    for (const Address& address : *some) {
      routes.push_back(Route{{address}, {}, address.ToString()});
    }
  }
  // Of an override's addresses, those of the wrong family are passed over.
  if (routes.empty()) return failure.value_or(Error{Code::kDnsFailed, "no address"});
  return routes;
}

}  // namespace cotter::net
