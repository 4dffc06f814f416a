// SPDX-License-Identifier: Apache-2.0
//
// A whole SSL_CTX attached to: its connections are made as libcurl or an interpreter would, which
// know nothing of an enforcer, and everything is told through the handler of records.
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tls/context_program.h"

namespace cotter::tls {
namespace {

class ContextTest : public EnforcerTest {};

INSTANTIATE_TEST_SUITE_P(Versions, ContextTest,
                         testing::Values(lab::TlsVersion::kTls12, lab::TlsVersion::kTls13),
                         [](const auto& each) {
                           return each.param == lab::TlsVersion::kTls12 ? "Tls12" : "Tls13";
                         });

// S1-26, S2-10: an allowed connection, then a refused one: on the same context, and on a fresh one.
// Each verdict arrives before SSL_connect returns, whatever the program asks of OpenSSL.
TEST_P(ContextTest, EveryVerdictIsHandedOutInTheHandshake_S1_26_S2_10) {
  const lab::Server genuine = StartServer(Serving({World().Get("leaf")}));
  const lab::Server rogue = StartServer(Serving({World().Get("rogue-leaf")}));
  Records records;
  ContextProgram program(Pins({{"leaf"}}), Trust({"root", "rogue-root"}), KeepIn(records));
  for (const bool fresh : {false, true}) {
    records.clear();
    if (fresh) program.Renew();
    program.Open(genuine);
    ASSERT_TRUE(program.Shake());
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].verdict.outcome, Outcome::kPinnedOk);
    EXPECT_EQ(records[0].endpoint->host.text(), "api.example.com");
    EXPECT_EQ(records[0].tls_version,
              GetParam() == lab::TlsVersion::kTls12 ? "TLSv1.2" : "TLSv1.3");
    EXPECT_TRUE(program.Write());
    EXPECT_TRUE(program.Read());
    if (fresh) program.Renew();
    program.Open(rogue);
    EXPECT_FALSE(program.Shake());
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[1].code, Code::kPinMismatch);
    EXPECT_EQ(records[1].message, BadPinMessage(records[1].found));
    EXPECT_FALSE(program.Write());
    program.Close();
  }
  EXPECT_EQ(rogue.Record().handshakes_completed, 0U);
  EXPECT_EQ(rogue.Record().application_bytes, 0U);
}

// S3-10: whatever is set on the SSL before its handshake, the enforcer wins.
TEST_P(ContextTest, SettingsOfTheProgramCannotDisarm_S3_10) {
  const lab::Server rogue = StartServer(Serving({World().Get("rogue-leaf")}));
  Records records;
  ContextProgram program(Pins({{"leaf"}}), Trust({"root", "rogue-root"}), KeepIn(records));
  program.Open(rogue);
  SSL_set_verify(program.ssl(), SSL_VERIFY_NONE,
                 [](int /*ok*/, X509_STORE_CTX* /*context*/) { return 1; });
  SSL_clear_options(program.ssl(), SSL_OP_NO_RENEGOTIATION);
  ASSERT_EQ(SSL_set_cipher_list(program.ssl(), "ALL:aNULL:@SECLEVEL=0"), 1);
  EXPECT_FALSE(program.Shake());
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].code, Code::kPinMismatch);
  EXPECT_EQ(SSL_get_options(program.ssl()) & SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_RENEGOTIATION);
}

// Where the verifier itself is replaced, the end of the handshake kills the connection, without
// Confirm.
TEST_P(ContextTest, ReplacedVerifierLeavesADeadConnection_S1_30) {
  const lab::Server rogue = StartServer(Serving({World().Get("rogue-leaf")}));
  Records records;
  ContextProgram program(Pins({{"leaf"}}), Trust({"root"}), KeepIn(records));
  SSL_CTX_set_cert_verify_callback(
      program.context(), [](X509_STORE_CTX* /*context*/, void* /*unused*/) { return 1; }, nullptr);
  program.Open(rogue);
  EXPECT_TRUE(program.Shake());
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].code, Code::kNoVerifiedPath);
  EXPECT_FALSE(program.Write());
  EXPECT_FALSE(program.Read());
  program.Close();
  EXPECT_EQ(FirstRecord(rogue).application_bytes, 0U);
}

// A handler that throws has not seen the verdict, so nobody may rely on it.
TEST_P(ContextTest, HandlerThatThrowsRefuses_S1_27) {
  const lab::Server genuine = StartServer(Serving({World().Get("leaf")}));
  ContextOptions options;
  options.endpoint = ApiEndpoint();
  options.on_record = [](const ConnectionRecord&) { throw std::runtime_error("no room"); };
  ContextProgram program(Pins({{"leaf"}}), Trust({"root"}), std::move(options));
  program.Open(genuine);
  EXPECT_FALSE(program.Shake());
  EXPECT_FALSE(program.Write());
  program.Close();
  EXPECT_FALSE(FirstRecord(genuine).handshake_completed);
}

void VerifyHost(SSL* ssl, const char* host) { ASSERT_EQ(SSL_set1_host(ssl, host), 1); }

void SendName(SSL* ssl, std::string name) {
  ASSERT_EQ(SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()), 1);
}

// What a connection is for is taken from what the program verifies, else from its SNI; a forgotten
// host name fails closed.
TEST_P(ContextTest, HostIsWhatTheProgramSaysAndNothingIsRefused) {
  struct Row {
    const char* what;
    void (*set)(SSL*);
    const char* host;  // null: refused
  };
  const Row table[] = {
      {"a host to verify", [](SSL* ssl) { VerifyHost(ssl, "API.Example.COM."); },
       "api.example.com"},
      {"both", [](SSL* ssl) { VerifyHost(ssl, "api.example.com"), SendName(ssl, "cdn.example"); },
       "api.example.com"},
      {"an address",
       [](SSL* ssl) {
         ASSERT_EQ(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1"), 1);
       },
       "127.0.0.1"},
      {"a name alone", [](SSL* ssl) { SendName(ssl, "api.example.com"); }, "api.example.com"},
      {"nothing", [](SSL* /*ssl*/) {}, nullptr},
      {"two hosts",
       [](SSL* ssl) {
         VerifyHost(ssl, "api.example.com");
         ASSERT_EQ(SSL_add1_host(ssl, "rogue.example.com"), 1);
       },
       nullptr},
  };
  const lab::Server genuine = StartServer(Serving({World().Get("leaf")}));
  for (const Row& row : table) {
    Records records;
    ContextProgram program(Pins({{"leaf"}}), Trust({"root"}), KeepIn(records, false));
    program.Open(genuine);
    row.set(program.ssl());
    EXPECT_EQ(program.Shake(), row.host != nullptr) << row.what;
    ASSERT_EQ(records.size(), 1U) << row.what;
    if (row.host != nullptr) {
      EXPECT_EQ(records[0].endpoint->host.text(), row.host) << row.what;
    } else {
      EXPECT_EQ(records[0].code, Code::kHostInvalid) << row.what;
    }
  }
}

// A session of a connection that nobody judged is not offered: there is a full handshake.
TEST_P(ContextTest, ForeignSessionIsNotOffered) {
  const lab::Server genuine = StartServer(Serving({World().Get("leaf")}));
  const SslContextPtr plain(SSL_CTX_new(TLS_client_method()));
  const SslPtr first(SSL_new(plain.get()));
  BIO* const bio = BIO_new_connect(genuine.authority().c_str());
  ASSERT_EQ(BIO_do_connect(bio), 1);
  SSL_set_bio(first.get(), bio, bio);
  ASSERT_EQ(SSL_connect(first.get()), 1);
  ASSERT_GT(SSL_write(first.get(), kSecret.data(), static_cast<int>(kSecret.size())), 0);
  char buffer[4096];
  ASSERT_GT(SSL_read(first.get(), buffer, sizeof buffer), 0);  // brings the TLS 1.3 ticket
  SSL_SESSION* const session = SSL_get1_session(first.get());
  Records records;
  ContextProgram program(Pins({{"leaf"}}), Trust({"root"}), KeepIn(records));
  program.Open(genuine);
  ASSERT_EQ(SSL_set_session(program.ssl(), session), 1);
  SSL_SESSION_free(session);
  EXPECT_TRUE(program.Shake());
  EXPECT_EQ(records.size(), 1U);
  EXPECT_EQ(SSL_session_reused(program.ssl()), 0);
}

// One connection of the context can be attached by hand, for another host and policy; the handler
// of the context still has its record.
TEST_P(ContextTest, ConnectionMayBeAttachedByHand) {
  const lab::Server genuine = StartServer(Serving({World().Get("leaf")}));
  Records records;
  ContextProgram program(Pins({{"backup"}}), Trust({"root"}), KeepIn(records));
  const Enforcer other =
      Enforcer::Create(
          {.policy = HoldPolicy(Pins({{"leaf"}})), .trust = Trust({"root"}), .now = {}})
          .value();
  program.Open(genuine);
  const Endpoint endpoint{HostName::Parse("localhost").value(), 8443};
  ASSERT_TRUE(other.Attach(program.ssl(), endpoint));
  EXPECT_TRUE(program.Shake());
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].endpoint->host.text(), "localhost");
  EXPECT_EQ(records[0].verdict.outcome, Outcome::kNotPinned);
}

int g_program_calls = 0;  // an information callback has no argument of its own

// The program's own information callback is still called.
TEST_P(ContextTest, InformationCallbackOfTheProgramIsKept) {
  const lab::Server genuine = StartServer(Serving({World().Get("leaf")}));
  const auto count = [](const SSL* /*ssl*/, int where, int /*result*/) {
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) ++g_program_calls;
  };
  g_program_calls = 0;
  const Enforcer enforcer =
      Enforcer::Create(
          {.policy = HoldPolicy(Pins({{"leaf"}})), .trust = Trust({"root"}), .now = {}})
          .value();
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_info_callback(context.get(), count);
  Records records;
  ASSERT_TRUE(enforcer.AttachContext(context.get(), KeepIn(records)));
  ASSERT_TRUE(enforcer.AttachContext(context.get(), KeepIn(records)));  // twice changes nothing
  const SslPtr ssl(SSL_new(context.get()));
  BIO* const bio = BIO_new_connect(genuine.authority().c_str());
  ASSERT_EQ(BIO_do_connect(bio), 1);
  SSL_set_bio(ssl.get(), bio, bio);
  EXPECT_EQ(SSL_connect(ssl.get()), 1);
  EXPECT_EQ(g_program_calls, 1);
  EXPECT_EQ(records.size(), 1U);
}

}  // namespace
}  // namespace cotter::tls
