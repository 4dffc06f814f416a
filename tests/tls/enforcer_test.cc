// SPDX-License-Identifier: Apache-2.0
//
// The OpenSSL door against servers that a client must survive. What a server learned is read from
// the server's own record.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tls/enforced_client.h"
#include <cotter/openssl.h>

namespace cotter::tls {
namespace {

INSTANTIATE_TEST_SUITE_P(Versions, EnforcerTest,
                         testing::Values(lab::TlsVersion::kTls12, lab::TlsVersion::kTls13),
                         [](const auto& each) {
                           return each.param == lab::TlsVersion::kTls12 ? "Tls12" : "Tls13";
                         });

// S1-54: right pins pass, and data flows.
TEST_P(EnforcerTest, GenuineServerPasses) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Client client(Pins({{"root", PinPlace::kCa}}), Trust({"root"}));
  client.Open(server);
  ASSERT_TRUE(client.Shake());
  const auto record = Confirm(client.ssl());
  ASSERT_TRUE(record);
  EXPECT_EQ((*record)->verdict.outcome, Outcome::kPinnedOk);
  EXPECT_EQ((*record)->verdict.match->cert_index, 2U);
  EXPECT_EQ((*record)->found.size(), 3U);
  EXPECT_EQ((*record)->tls_version, GetParam() == lab::TlsVersion::kTls12 ? "TLSv1.2" : "TLSv1.3");
  ASSERT_TRUE(client.Write(kSecret));
  EXPECT_NE(client.Read().find("200 OK"), std::string::npos);
}

// S1-54, S2-13: wrong pins are refused inside the handshake; S1-31: the text of the error.
TEST_P(EnforcerTest, WrongPinIsRefusedInsideTheHandshake) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Client client(Pins({{"backup", PinPlace::kLeaf}}), Trust({"root"}));
  client.Open(server);
  EXPECT_FALSE(client.Shake());
  const ConnectionRecord* const record = RecordOf(client.ssl());
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->code, Code::kPinMismatch);
  EXPECT_EQ(record->message, "bad ssl pin detected, found pins: [" +
                                 FormatPin(SpkiDigest(World().Get("leaf"))) + " " +
                                 FormatPin(SpkiDigest(World().Get("intermediate"))) + " " +
                                 FormatPin(SpkiDigest(World().Get("root"))) + "]");
  EXPECT_FALSE(Confirm(client.ssl()));
  EXPECT_FALSE(client.Write(kSecret));
  client.Close();
  const lab::ConnectionRecord seen = FirstRecord(server);
  EXPECT_FALSE(seen.handshake_completed);
  EXPECT_EQ(seen.application_bytes, 0U);
  EXPECT_EQ(seen.alert, "handshake_failure");
}

// The interceptor's CA is trusted, and the genuine chain is appended (peers, fact 1).
TEST_P(EnforcerTest, TrustedInterceptorWithGenuineChainAppendedIsRefused) {
  const lab::Server server =
      StartServer(Serving(WithAppended("rogue-leaf", {"leaf", "intermediate", "root"})));
  const std::vector<PinSpec> pins = {
      {"leaf", PinPlace::kAny}, {"intermediate", PinPlace::kAny}, {"root", PinPlace::kAny}};
  Client client(Pins(pins), Trust({"root", "rogue-root"}));
  client.Open(server);
  EXPECT_FALSE(client.Shake());
  ASSERT_NE(RecordOf(client.ssl()), nullptr);
  EXPECT_EQ(RecordOf(client.ssl())->verdict.outcome, Outcome::kPinMismatch);
}

// The other path of a cross-signed chain is tried inside the handshake as well.
TEST_P(EnforcerTest, OtherPathIsTried) {
  const lab::Server server = StartServer(Serving(WithAppended("leaf", {"cross-intermediate"})));
  Client client(Pins({{"other-root", PinPlace::kCa}}), Trust({"root", "other-root"}));
  client.Open(server);
  EXPECT_TRUE(client.Shake());
  const auto record = Confirm(client.ssl());
  ASSERT_TRUE(record);
  EXPECT_EQ((*record)->verdict.match->path_index, 1U);
}

// S3-01: a refused server does not learn the client's certificate; one that passes does.
TEST_P(EnforcerTest, ClientCertificateIsDisclosedOnlyAfterAPass) {
  for (const bool right : {true, false}) {
    lab::ServerOptions options = Serving({World().Get("leaf")});
    options.client_certificates = lab::ClientCertificates::kRequested;
    const lab::Server server = StartServer(options);
    Client client(Pins({{right ? "leaf" : "backup", PinPlace::kLeaf}}), Trust({"root"}));
    const lab::Identity& own = World().Get("client");
    const unsigned char* at = own.certificate.der.data();
    const X509Ptr certificate(
        d2i_X509(nullptr, &at, static_cast<long>(own.certificate.der.size())));
    ASSERT_EQ(SSL_CTX_use_certificate(client.context(), certificate.get()), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey(client.context(), own.key.native()), 1);
    client.Open(server);
    EXPECT_EQ(client.Shake(), right);
    if (right) {
      EXPECT_TRUE(client.Write(kSecret));
      EXPECT_FALSE(client.Read().empty());
    }
    client.Close();
    EXPECT_EQ(FirstRecord(server).client_certificates.empty(), !right);
  }
}

// PKI first (S3-02): the right key in a broken certificate does not help, and the alert fits.
TEST_P(EnforcerTest, PkiFailureIsRefusedWithItsCodeAndAlert) {
  struct Row {
    const char* identity;
    Code code;
    const char* alert;
  };
  for (const Row& row : {Row{"expired", Code::kCertExpired, "certificate_expired"},
                         Row{"wrong-host", Code::kHostMismatch, "bad_certificate"},
                         Row{"no-san", Code::kHostMismatch, "bad_certificate"},
                         Row{"forged", Code::kSignatureInvalid, "decrypt_error"},
                         Row{"self-signed", Code::kSelfSigned, "unknown_ca"},
                         Row{"rogue-leaf", Code::kIssuerUnknown, "unknown_ca"}}) {
    const lab::Server server = StartServer(Serving({World().Get(row.identity)}));
    Client client(Pins({{row.identity, PinPlace::kLeaf}}, Mode::kReport), Trust({"root"}));
    client.Open(server);
    EXPECT_FALSE(client.Shake()) << row.identity;
    ASSERT_NE(RecordOf(client.ssl()), nullptr);
    EXPECT_EQ(RecordOf(client.ssl())->code, row.code) << row.identity;
    client.Close();
    EXPECT_EQ(FirstRecord(server).alert, row.alert) << row.identity;
  }
}

TEST_P(EnforcerTest, ReportModeLetsAMismatchThroughAndTellsIt) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Client client(Pins({{"backup", PinPlace::kLeaf}}, Mode::kReport), Trust({"root"}));
  client.Open(server);
  EXPECT_TRUE(client.Shake());
  const auto record = Confirm(client.ssl());
  ASSERT_TRUE(record);
  EXPECT_EQ((*record)->verdict.outcome, Outcome::kReported);
  EXPECT_TRUE((*record)->message.starts_with("bad ssl pin detected"));
}

// S3-10: SSL_VERIFY_NONE and a callback that says yes to everything, set afterwards, disarm
// nothing.
TEST_P(EnforcerTest, VerifyNoneCannotDisarm) {
  const lab::Server server = StartServer(Serving({World().Get("rogue-leaf")}));
  Client client(Pins({{"leaf"}}), Trust({"root", "rogue-root"}));
  client.Open(server);
  SSL_set_verify(client.ssl(), SSL_VERIFY_NONE,
                 [](int /*ok*/, X509_STORE_CTX* /*context*/) { return 1; });
  EXPECT_FALSE(client.Shake());
  client.Close();
  EXPECT_FALSE(FirstRecord(server).handshake_completed);
}

TEST_P(EnforcerTest, ReplacedVerifierIsNoticedBeforeAnyData) {
  const lab::Server server = StartServer(Serving({World().Get("rogue-leaf")}));
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  client.Open(server);
  SSL_CTX_set_cert_verify_callback(
      client.context(), [](X509_STORE_CTX* /*context*/, void* /*unused*/) { return 1; }, nullptr);
  EXPECT_TRUE(client.Shake());
  const auto record = Confirm(client.ssl());
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Code::kNoVerifiedPath);
  EXPECT_FALSE(client.Write(kSecret));
  client.Close();
  EXPECT_EQ(FirstRecord(server).application_bytes, 0U);
}

TEST_P(EnforcerTest, ConnectionWithoutEnforcerIsRefused) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  client.OpenWithoutEnforcer(server);
  EXPECT_FALSE(client.Shake());
}

TEST_P(EnforcerTest, UnpreparedContextIsAnError) {
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  const SslPtr ssl(SSL_new(context.get()));
  const auto enforcer = Enforcer::Create(
      {.policy = HoldPolicy(Pins({{"leaf"}})), .trust = Trust({"root"}), .now = {}});
  const Endpoint endpoint{HostName::Parse("api.example.com").value(), 443};
  const Result<void> attached = enforcer->Attach(ssl.get(), endpoint);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, Code::kUsage);
}

// libssl calls no verifier on resumption, so nothing is resumed: every connection is judged.
TEST_P(EnforcerTest, EveryConnectionIsJudged) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  for (int i = 0; i < 3; ++i) {
    client.Open(server);
    ASSERT_TRUE(client.Shake());
    ASSERT_TRUE(Confirm(client.ssl()));
    ASSERT_TRUE(client.Write(kSecret));
    EXPECT_FALSE(client.Read().empty());
  }
  client.Close();
  EXPECT_EQ(server.Record().handshakes_resumed, 0U);
}

// A session of a connection that nobody judged, offered behind the enforcer's back.
TEST_P(EnforcerTest, ForeignSessionIsRefused) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  const SslContextPtr plain(SSL_CTX_new(TLS_client_method()));
  const SslPtr first(SSL_new(plain.get()));
  BIO* const bio = BIO_new_connect(server.authority().c_str());
  ASSERT_EQ(BIO_do_connect(bio), 1);
  SSL_set_bio(first.get(), bio, bio);
  ASSERT_EQ(SSL_connect(first.get()), 1);
  ASSERT_GT(SSL_write(first.get(), kSecret.data(), static_cast<int>(kSecret.size())), 0);
  char buffer[4096];
  ASSERT_GT(SSL_read(first.get(), buffer, sizeof buffer), 0);  // brings the TLS 1.3 ticket
  SSL_SESSION* const session = SSL_get1_session(first.get());
  ASSERT_EQ(SSL_SESSION_is_resumable(session), 1);

  Client client(Pins({{"backup"}}), Trust({"rogue-root"}));
  client.Open(server);
  SSL_set_session(client.ssl(), session);
  SSL_SESSION_free(session);
  EXPECT_FALSE(client.Shake());
  EXPECT_FALSE(Confirm(client.ssl()));
}

// A record of an earlier handshake on the same SSL is no verdict for the next one.
TEST_P(EnforcerTest, ClearedConnectionDoesNotLiveOnItsOldVerdict) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Client client(Pins({{"leaf"}}), Trust({"root"}));
  client.Open(server);
  ASSERT_TRUE(client.Shake());
  ASSERT_TRUE(Confirm(client.ssl()));
  ASSERT_TRUE(client.Write(kSecret));
  ASSERT_FALSE(client.Read().empty());
  SSL_shutdown(client.ssl());
  const lab::Server interceptor = StartServer(Serving({World().Get("rogue-leaf")}));
  ASSERT_EQ(SSL_clear(client.ssl()), 1);
  BIO* const bio = BIO_new_connect(interceptor.authority().c_str());
  ASSERT_EQ(BIO_do_connect(bio), 1);
  SSL_set_bio(client.ssl(), bio, bio);
  EXPECT_FALSE(client.Shake());
  EXPECT_FALSE(Confirm(client.ssl()));
}

}  // namespace
}  // namespace cotter::tls
