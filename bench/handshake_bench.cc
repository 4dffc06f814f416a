// SPDX-License-Identifier: Apache-2.0
//
// What enforcement costs a full TLS 1.3 handshake: the same client and server over memory BIOs in
// one thread, once with OpenSSL's own verification (peer, host name, the same anchors), once with
// an enforcer and a policy of 1,000 rules. CPU time of the client and the server together would
// hide the client's; so both are shown, and the ratio that counts is of the whole handshake. The
// two are measured in turn, in pairs, and the median of the pairs' ratios is printed last as
// "ratio X": nothing of the machine's drift survives that.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <openssl/bio.h>
#include <openssl/x509.h>

#include "lab/world.h"
#include "tls/openssl_ptr.h"
#include "tls/trust_store.h"
#include <cotter/openssl.h>

namespace {

using namespace cotter;       // a program of its own
using namespace cotter::tls;  // likewise

constexpr int kPairs = 301;
constexpr int kHandshakesPerMeasure = 8;
constexpr char kHost[] = "api.example.com";

double CpuMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

X509Ptr Parse(const lab::Certificate& certificate) {
  const unsigned char* at = certificate.der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
}

SslContextPtr MakeServer(const lab::Identity& identity) {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(context.get(), Parse(identity.certificate).get());
  SSL_CTX_use_PrivateKey(context.get(), identity.key.native());
  for (const lab::Certificate& above : identity.chain) {
    SSL_CTX_add1_chain_cert(context.get(), Parse(above).get());
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(context.get(), 0);
  return context;
}

// Handshake joins both ends in memory and runs them to the end. The ends are made before the clock
// starts and freed after it stops, as `prepare` is part of what is measured.
template <typename Prepare>
double Handshake(SSL_CTX* client_context, SSL_CTX* server_context, const Prepare& prepare) {
  const double start = CpuMicroseconds();
  for (int i = 0; i < kHandshakesPerMeasure; ++i) {
    const SslPtr client(SSL_new(client_context));
    const SslPtr server(SSL_new(server_context));
    BIO* client_side = nullptr;
    BIO* server_side = nullptr;
    BIO_new_bio_pair(&client_side, 1 << 16, &server_side, 1 << 16);
    SSL_set_bio(client.get(), client_side, client_side);
    SSL_set_bio(server.get(), server_side, server_side);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    prepare(client.get());
    while (SSL_is_init_finished(client.get()) == 0 || SSL_is_init_finished(server.get()) == 0) {
      const int a = SSL_do_handshake(client.get());
      const int b = SSL_do_handshake(server.get());
      const bool stuck = (a <= 0 && SSL_get_error(client.get(), a) == SSL_ERROR_SSL) ||
                         (b <= 0 && SSL_get_error(server.get(), b) == SSL_ERROR_SSL);
      COTTER_CHECK(!stuck);
    }
  }
  return (CpuMicroseconds() - start) / kHandshakesPerMeasure;
}

Policy MakePolicy(const lab::Identity& root) {
  Policy policy;
  policy.name = "bench";
  policy.version = 1;
  Pin pin;
  pin.place = PinPlace::kCa;
  const Bytes spki = root.key.Spki();
  unsigned size = 0;
  EVP_Digest(spki.data(), spki.size(), pin.digest.bytes.data(), &size, EVP_sha256(), nullptr);
  for (int i = 0; i < 1000; ++i) {
    const std::string name = i == 0 ? kHost : "host" + std::to_string(i) + ".example.com";
    HostRule rule{.pattern = HostPattern::Parse(name).value()};
    rule.pins.push_back(PolicyPin{.pin = pin, .label = {}});
    policy.hosts.push_back(std::move(rule));
  }
  return policy;
}

double Median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

}  // namespace

int main() {
  const lab::World world = lab::World::Make({});
  const SslContextPtr server = MakeServer(world.Get("leaf"));

  const SslContextPtr plain(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(plain.get(), SSL_VERIFY_PEER, nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(plain.get()),
                      Parse(world.Get("root").certificate).get());

  TrustOptions options;
  options.system_roots = SystemRoots::kNone;
  options.certificates = {world.Get("root").certificate.der};
  const auto policy = std::make_shared<const PolicyIndex>(
      PolicyIndex::Build(MakePolicy(world.Get("root"))).value());
  const Enforcer enforcer =
      Enforcer::Create(
          {.policy = HoldPolicy(policy), .trust = LoadTrustStore(options).value(), .now = {}})
          .value();
  const SslContextPtr enforced(SSL_CTX_new(TLS_client_method()));
  COTTER_CHECK(Enforcer::Prepare(enforced.get()).has_value());
  const Endpoint endpoint{HostName::Parse(kHost).value(), 443};

  const auto prepare_plain = [](SSL* ssl) {
    SSL_set1_host(ssl, kHost);
    std::string name(kHost);
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  };
  const auto prepare_enforced = [&](SSL* ssl) {
    COTTER_CHECK(enforcer.Attach(ssl, endpoint).has_value());
  };

  std::vector<double> plain_times;
  std::vector<double> enforced_times;
  std::vector<double> ratios;
  for (int i = 0; i <= kPairs; ++i) {
    // Each goes first in every other pair.
    double a = 0;
    if (i % 2 == 0) a = Handshake(plain.get(), server.get(), prepare_plain);
    const double b = Handshake(enforced.get(), server.get(), prepare_enforced);
    if (i % 2 != 0) a = Handshake(plain.get(), server.get(), prepare_plain);
    if (i == 0) continue;  // warms caches
    plain_times.push_back(a);
    enforced_times.push_back(b);
    ratios.push_back(b / a);
  }
  std::printf("plain %.1f us, enforced %.1f us, client and server together\n", Median(plain_times),
              Median(enforced_times));
  std::printf("ratio %.4f\n", Median(ratios));
  return 0;
}
