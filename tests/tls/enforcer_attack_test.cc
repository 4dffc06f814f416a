// SPDX-License-Identifier: Apache-2.0
//
// The ways round a verifier that OpenSSL has: renegotiation, anonymous suites, external PSKs. Each
// has a control that shows it working where no enforcer is attached.
#include <algorithm>
#include <chrono>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/tls/enforced_client.h"
#include <cotter/openssl.h>

namespace cotter::tls {
namespace {

class EnforcerPskTest : public EnforcerTest {};

INSTANTIATE_TEST_SUITE_P(Versions, EnforcerPskTest,
                         testing::Values(lab::TlsVersion::kTls12, lab::TlsVersion::kTls13),
                         [](const auto& each) {
                           return each.param == lab::TlsVersion::kTls12 ? "Tls12" : "Tls13";
                         });

// OpenSSL accepts a renegotiation with another certificate unless told not to.
TEST(EnforcerAttackTest, RenegotiationWithAnotherCertificateIsRefused) {
  lab::ServerOptions options;
  options.identities = {World().Get("leaf")};
  options.max_version = lab::TlsVersion::kTls12;
  options.renegotiate_with = World().Get("rogue-leaf");
  const lab::Server server = StartServer(options);
  Client client(Pins({{"leaf"}}), Trust({"root", "rogue-root"}));
  client.Open(server);
  ASSERT_TRUE(client.Shake());
  ASSERT_TRUE(Confirm(client.ssl()));
  (void)client.Read();  // meets the server's HelloRequest
  client.Close();
  EXPECT_FALSE(FirstRecord(server).renegotiated);
}

// Anonymous suites show no certificate and reach no verifier: even a program that asks for them
// gets no connection.
TEST(EnforcerAttackTest, AnonymousSuitesAreRefused) {
  lab::ServerOptions options;
  options.authentication = lab::Authentication::kInsecureAnonymous;
  options.max_version = lab::TlsVersion::kTls12;
  const lab::Server server = StartServer(options);
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  ASSERT_EQ(SSL_CTX_set_cipher_list(client.context(), "ALL:aNULL:@SECLEVEL=0"), 1);
  client.Open(server);
  EXPECT_FALSE(client.Shake());
  EXPECT_FALSE(Confirm(client.ssl()));
  client.Close();
  EXPECT_FALSE(FirstRecord(server).handshake_completed);
}

// The same, asked for after the enforcer was attached.
TEST(EnforcerAttackTest, AnonymousSuitesSetAfterwardsAreRefused) {
  lab::ServerOptions options;
  options.authentication = lab::Authentication::kInsecureAnonymous;
  options.max_version = lab::TlsVersion::kTls12;
  const lab::Server server = StartServer(options);
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  client.Open(server);
  ASSERT_EQ(SSL_set_cipher_list(client.ssl(), "aNULL:@SECLEVEL=0"), 1);
  EXPECT_FALSE(client.Shake());
  EXPECT_FALSE(Confirm(client.ssl()));
  EXPECT_FALSE(client.Write(kSecret));
  client.Close();
  EXPECT_EQ(FirstRecord(server).application_bytes, 0U);
}

unsigned NoPsk(SSL* /*ssl*/, const char* /*hint*/, char* /*identity*/, unsigned /*identity_size*/,
               unsigned char* /*key*/, unsigned /*key_size*/) {
  return 0;
}

// Suites without a certificate are never offered, whatever list and callback are set, and when.
TEST(EnforcerAttackTest, SuitesWithoutACertificateAreNeverOffered) {
  lab::ServerOptions options;
  options.identities = {World().Get("leaf")};
  const lab::Server server = StartServer(options);
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  client.Open(server);
  ASSERT_EQ(SSL_set_cipher_list(client.ssl(), "ALL:PSK:SRP:aNULL:@SECLEVEL=0"), 1);
  SSL_set_psk_client_callback(client.ssl(), NoPsk);
  EXPECT_TRUE(client.Shake());
  STACK_OF(SSL_CIPHER)* const offered = SSL_get1_supported_ciphers(client.ssl());
  ASSERT_GT(sk_SSL_CIPHER_num(offered), 0);
  for (int i = 0; i < sk_SSL_CIPHER_num(offered); ++i) {
    const std::string_view name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(offered, i));
    for (const char* without : {"PSK", "SRP", "ADH", "AECDH", "NULL"}) {
      EXPECT_EQ(name.find(without), std::string_view::npos) << name;
    }
  }
  sk_SSL_CIPHER_free(offered);
}

constexpr unsigned char kPskKey[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

unsigned GivePsk(SSL* /*ssl*/, const char* /*hint*/, char* identity, unsigned identity_size,
                 unsigned char* key, unsigned key_size) {
  const std::string_view name = "someone";
  if (identity_size <= name.size() || key_size < sizeof kPskKey) return 0;
  identity[name.copy(identity, name.size())] = '\0';
  std::copy(std::begin(kPskKey), std::end(kPskKey), key);
  return sizeof kPskKey;
}

lab::ServerOptions PskServer(lab::TlsVersion version) {
  lab::ServerOptions options;
  options.authentication = lab::Authentication::kInsecurePreSharedKey;
  options.psk =
      lab::Psk{.identity = "someone", .key = Bytes(std::begin(kPskKey), std::end(kPskKey))};
  options.min_version = version;
  options.max_version = version;
  return options;
}

TEST_P(EnforcerPskTest, ExternalPskIsRefused) {
  const lab::Server server = StartServer(PskServer(GetParam()));
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  SSL_CTX_set_psk_client_callback(client.context(), GivePsk);
  client.Open(server);
  EXPECT_FALSE(client.Shake());
  EXPECT_FALSE(Confirm(client.ssl()));
  client.Close();
  EXPECT_FALSE(FirstRecord(server).handshake_completed);
}

// A callback that is set afterwards meets what Attach left: no suite for it in TLS 1.2, and a
// session context that its PSK does not have in TLS 1.3.
TEST_P(EnforcerPskTest, ExternalPskSetAfterwardsIsRefused) {
  const lab::Server server = StartServer(PskServer(GetParam()));
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  client.Open(server);
  SSL_set_psk_client_callback(client.ssl(), GivePsk);
  EXPECT_FALSE(client.Shake());
  EXPECT_FALSE(Confirm(client.ssl()));
  EXPECT_FALSE(client.Write(kSecret));
  client.Close();
  EXPECT_EQ(FirstRecord(server).application_bytes, 0U);
}

// PlainClient is a program without an enforcer: it shows that the attacks above are real ones.
SslPtr PlainClient(SSL_CTX* context, const lab::Server& server) {
  SslPtr ssl(SSL_new(context));
  BIO* const bio = BIO_new_connect(server.authority().c_str());
  EXPECT_EQ(BIO_do_connect(bio), 1);
  SSL_set_bio(ssl.get(), bio, bio);
  return ssl;
}

TEST_P(EnforcerPskTest, ControlPskConnectsWithoutEnforcer) {
  const lab::Server server = StartServer(PskServer(GetParam()));
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_psk_client_callback(context.get(), GivePsk);
  const SslPtr ssl = PlainClient(context.get(), server);
  EXPECT_EQ(SSL_connect(ssl.get()), 1);
}

TEST(EnforcerAttackTest, ControlRenegotiationWorksWithoutEnforcer) {
  lab::ServerOptions options;
  options.identities = {World().Get("leaf")};
  options.max_version = lab::TlsVersion::kTls12;
  options.renegotiate_with = World().Get("rogue-leaf");
  options.deadline = std::chrono::seconds(1);  // both sides wait for data when they are done
  const lab::Server server = StartServer(options);
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  SslPtr ssl = PlainClient(context.get(), server);
  ASSERT_EQ(SSL_connect(ssl.get()), 1);
  char buffer[64];
  (void)SSL_read(ssl.get(), buffer, sizeof buffer);
  ssl.reset();
  EXPECT_TRUE(FirstRecord(server).renegotiated);
}

}  // namespace
}  // namespace cotter::tls
