// SPDX-License-Identifier: Apache-2.0
//
// The lab's servers as the addresses of one name, for tests of this room.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "lab/server.h"
#include "lab/world.h"
#include "net/connect.h"
#include "net/target.h"
#include "tls/trust_store.h"

namespace cotter::probe {

inline const lab::World& World() {
  static const lab::World world = lab::World::Make({});
  return world;
}

inline std::shared_ptr<const tls::TrustStore> Trust(const std::vector<std::string>& roots) {
  tls::TrustOptions options;
  options.system_roots = tls::SystemRoots::kNone;
  for (const std::string& root : roots) {
    options.certificates.push_back(World().Get(root).certificate.der);
  }
  Result<std::shared_ptr<const tls::TrustStore>> trust = tls::LoadTrustStore(options);
  COTTER_CHECK(trust.has_value());
  return *trust;
}

// Fleet is one name's servers, one an address, all at the first one's port. An entry without
// identities is an address on which nothing listens.
class Fleet {
 public:
  explicit Fleet(std::vector<lab::ServerOptions> all) {
    std::string addresses;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string address = "127.0.0." + std::to_string(i + 1);
      addresses += (i == 0 ? "" : ",") + address;
      if (all[i].identities.empty()) continue;
      all[i].address = address;
      all[i].port = port_;
      all[i].deadline = std::chrono::seconds(60);
      Result<lab::Server> server = lab::Server::Start(all[i]);
      EXPECT_TRUE(server) << (server ? "" : server.error().message);
      if (!server) continue;
      port_ = server->port();
      servers_.push_back(*std::move(server));
    }
    Result<net::ResolveOverride> entry =
        net::ParseResolve("api.example.com:" + std::to_string(port_) + ":" + addresses);
    COTTER_CHECK(entry.has_value());
    connect_.resolve.push_back(*std::move(entry));
  }

  net::Target target() const { return *net::ParseTarget("api.example.com", port_); }
  const net::ConnectOptions& connect() const { return connect_; }
  std::string peer(std::size_t number) const {
    return "127.0.0." + std::to_string(number) + ":" + std::to_string(port_);
  }
  std::vector<lab::Server>& servers() { return servers_; }

 private:
  std::uint16_t port_ = 0;
  std::vector<lab::Server> servers_;
  net::ConnectOptions connect_;
};

inline lab::ServerOptions Serving(const std::vector<std::string>& names) {
  lab::ServerOptions options;
  for (const std::string& name : names) options.identities.push_back(World().Get(name));
  return options;
}

inline lab::ServerOptions Faulty(lab::Fault fault, lab::Phase phase) {
  lab::ServerOptions options = Serving({"leaf"});
  options.fault = fault;
  options.phase = phase;
  return options;
}

}  // namespace cotter::probe
