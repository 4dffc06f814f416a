// SPDX-License-Identifier: Apache-2.0
//
// A client, the small PKI that it trusts, and lab servers in this process that it meets as
// api.example.com. For the tests of the HTTP door.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "lab/server.h"
#include "lab/world.h"
#include <cotter/client.h>

namespace cotter::client {

inline constexpr std::chrono::seconds kPatience{30};
inline constexpr std::string_view kHost = "api.example.com";

inline const lab::World& World() {
  static const lab::World world = lab::World::Make({});
  return world;
}

// PinOf is the pin of an identity's key, by OpenSSL's own encoding of it.
inline std::string PinOf(std::string_view identity) {
  Digest digest;
  const Bytes spki = World().Get(identity).key.Spki();
  unsigned size = 0;
  EVP_Digest(spki.data(), spki.size(), digest.bytes.data(), &size, EVP_sha256(), nullptr);
  return FormatPin(digest);
}

inline std::shared_ptr<const tls::TrustStore> Trust(const std::vector<std::string>& names) {
  tls::TrustOptions options;
  options.system_roots = tls::SystemRoots::kNone;
  for (const std::string& name : names) {
    options.certificates.push_back(World().Get(name).certificate.der);
  }
  return tls::LoadTrustStore(options).value();
}

inline lab::ServerOptions Serving(const std::vector<std::string>& identities) {
  lab::ServerOptions options;
  for (const std::string& name : identities) options.identities.push_back(World().Get(name));
  return options;
}

inline lab::Server StartServer(lab::ServerOptions options) {
  return lab::Server::Start(std::move(options)).value();
}

// ConnectTo sends the TCP connections for `host`, on any port, to `server`.
inline std::string ConnectTo(std::string_view host, const lab::Server& server) {
  return std::string(host) + "::" + server.authority();
}

// UrlOf is a URL of `host` on the port of `server`.
inline std::string UrlOf(std::string_view host, const lab::Server& server,
                         std::string_view path = "/") {
  return "https://" + std::string(host) + ":" + std::to_string(server.port()) + std::string(path);
}

// Meeting is options for a client that meets `server` as kHost, trusts the genuine and the rogue
// root, and tells nobody.
inline Options Meeting(const lab::Server& server, Pins pins = {}) {
  Options options;
  options.pins = std::move(pins);
  options.trust = Trust({"root", "rogue-root"});
  options.connect_to = {ConnectTo(kHost, server)};
  options.on_bad_pin = nullptr;
  options.timeout = kPatience;
  return options;
}

inline Pins PinnedTo(std::string_view identity) {
  return {{std::string(kHost), {PinOf(identity)}}};
}

// Settled is the server's record once `connections` of them are over.
inline lab::ServerRecord Settled(const lab::Server& server, std::uint64_t connections) {
  EXPECT_TRUE(server.WaitFor(
      [=](const lab::ServerRecord& record) { return record.closed >= connections; }, kPatience));
  return server.Record();
}

}  // namespace cotter::client
