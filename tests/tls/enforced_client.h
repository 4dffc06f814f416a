// SPDX-License-Identifier: Apache-2.0
//
// A program that uses OpenSSL with an enforcer, and the servers that it meets. For the tests of the
// OpenSSL door; one thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "lab/server.h"
#include "lab/world.h"
#include "tls/openssl_ptr.h"
#include <cotter/openssl.h>

namespace cotter::tls {

inline constexpr std::chrono::seconds kPatience{20};
inline constexpr std::string_view kSecret =
    "GET / HTTP/1.1\r\nHost: api.example.com\r\nCookie: secret\r\n\r\n";

inline const lab::World& World() {
  static const lab::World world = lab::World::Make({});
  return world;
}

inline Digest SpkiDigest(const lab::Identity& identity) {
  Digest digest;
  const Bytes spki = identity.key.Spki();
  unsigned size = 0;
  EVP_Digest(spki.data(), spki.size(), digest.bytes.data(), &size, EVP_sha256(), nullptr);
  return digest;
}

inline std::shared_ptr<const TrustStore> Trust(const std::vector<std::string>& names) {
  TrustOptions options;
  options.system_roots = SystemRoots::kNone;
  for (const std::string& name : names) {
    options.certificates.push_back(World().Get(name).certificate.der);
  }
  return LoadTrustStore(options).value();
}

struct PinSpec {
  std::string identity;
  PinPlace place = PinPlace::kAny;
};

inline std::shared_ptr<const PolicyIndex> Pins(const std::vector<PinSpec>& pins,
                                               Mode mode = Mode::kEnforce) {
  Policy policy;
  policy.name = "test";
  policy.version = 1;
  HostRule rule{.pattern = HostPattern::Parse("api.example.com").value()};
  rule.mode = mode;
  for (const PinSpec& spec : pins) {
    Pin pin;
    pin.digest = SpkiDigest(World().Get(spec.identity));
    pin.place = spec.place;
    rule.pins.push_back(PolicyPin{.pin = pin, .label = spec.identity});
  }
  policy.hosts.push_back(std::move(rule));
  return std::make_shared<const PolicyIndex>(PolicyIndex::Build(policy).value());
}

inline std::vector<lab::Identity> WithAppended(const std::string& name,
                                               const std::vector<std::string>& appended) {
  lab::Identity identity = World().Get(name);
  for (const std::string& other : appended) {
    identity.chain.push_back(World().Get(other).certificate);
  }
  return {identity};
}

// Client is one connection of a program that uses OpenSSL with an enforcer.
class Client {
 public:
  Client(std::shared_ptr<const PolicyIndex> policy, std::shared_ptr<const TrustStore> trust,
         std::function<void(const Violation&)> on_violation = {})
      : context_(SSL_CTX_new(TLS_client_method())),
        enforcer_(Enforcer::Create({.policy = HoldPolicy(std::move(policy)),
                                    .trust = std::move(trust),
                                    .now = {},
                                    .on_violation = std::move(on_violation)})
                      .value()) {
    EXPECT_TRUE(Enforcer::Prepare(context_.get()));
  }

  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

  // Open connects the socket and attaches the enforcer.
  void Open(const lab::Server& server) {
    OpenWithoutEnforcer(server);
    const Endpoint endpoint{HostName::Parse("api.example.com").value(), 443};
    ASSERT_TRUE(enforcer_.Attach(ssl_.get(), endpoint));
  }

  void OpenWithoutEnforcer(const lab::Server& server) {
    ssl_.reset(SSL_new(context_.get()));
    BIO* const bio = BIO_new_connect(server.authority().c_str());
    ASSERT_EQ(BIO_do_connect(bio), 1);
    SSL_set_bio(ssl_.get(), bio, bio);
  }

  [[nodiscard]] bool Shake() {
    ERR_clear_error();
    return SSL_connect(ssl_.get()) == 1;
  }

  [[nodiscard]] bool Write(std::string_view text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0;
  }

  [[nodiscard]] std::string Read() {
    std::string text(4096, '\0');
    const int size = SSL_read(ssl_.get(), text.data(), static_cast<int>(text.size()));
    return text.substr(0, size > 0 ? static_cast<std::size_t>(size) : 0);
  }

  // Close ends the connection, so that the server's record is complete.
  void Close() { ssl_.reset(); }

 private:
  SslContextPtr context_;
  SslPtr ssl_;
  Enforcer enforcer_;
};

inline lab::Server StartServer(lab::ServerOptions options) {
  return lab::Server::Start(std::move(options)).value();
}

inline lab::ConnectionRecord FirstRecord(const lab::Server& server) {
  EXPECT_TRUE(server.WaitFor([](const lab::ServerRecord& record) { return record.closed >= 1; },
                             kPatience));
  return server.Record().details.at(0);
}

// EnforcerTest runs each test with TLS 1.2 and TLS 1.3.
class EnforcerTest : public testing::TestWithParam<lab::TlsVersion> {
 protected:
  [[nodiscard]] static lab::ServerOptions Serving(std::vector<lab::Identity> identities) {
    lab::ServerOptions options;
    options.identities = std::move(identities);
    options.min_version = GetParam();
    options.max_version = GetParam();
    return options;
  }
};

}  // namespace cotter::tls
