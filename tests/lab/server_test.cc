// SPDX-License-Identifier: Apache-2.0
//
// The servers of the lab, as `openssl s_client` meets them.
#include "lab/server.h"

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/world.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace cotter::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kRequest = "GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n";
constexpr milliseconds kPatience = seconds(20);

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() : world_(World::Make({})) {
    options_.identities = {world_.Get("leaf")};
    root_ = directory_.Write("root.pem", world_.Get("root").certificate.Pem());
  }

  [[nodiscard]] static Server Started(const ServerOptions& options) {
    Result<Server> server = Server::Start(options);
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
  }

  // Talk is what s_client says while it sends one request.
  [[nodiscard]] test::ProcessResult Talk(const Server& server, std::vector<std::string> more = {},
                                         const std::string& request = kRequest) const {
    std::vector<std::string> command = {"openssl",
                                        "s_client",
                                        "-connect",
                                        server.authority(),
                                        "-CAfile",
                                        root_,
                                        "-verify_return_error",
                                        "-ign_eof",
                                        "-showcerts"};
    if (more.empty() || more.front() != "-noservername") {
      command.insert(command.end(), {"-servername", "api.example.com"});
    }
    command.insert(command.end(), more.begin(), more.end());
    test::ProcessResult result = test::Run(command, {request, {}, kPatience});
    EXPECT_FALSE(result.timed_out);
    return result;
  }

  // Settled is the record once every connection is over.
  [[nodiscard]] static ServerRecord Settled(const Server& server) {
    EXPECT_TRUE(server.WaitFor(
        [](const ServerRecord& record) {
          return record.connections > 0 && record.closed == record.connections;
        },
        kPatience));
    return server.Record();
  }

  static int Count(const std::string& text, const std::string& part) {
    int count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++count;
    }
    return count;
  }

  World world_;
  ServerOptions options_;
  test::TempDir directory_;
  std::string root_;
};

TEST_F(ServerTest, ASoundServerAnswersAndRecordsWhatItSaw) {
  const Server server = Started(options_);
  const test::ProcessResult client = Talk(server);
  EXPECT_EQ(client.status, 0) << client.err;
  EXPECT_THAT(client.out, HasSubstr("Verify return code: 0 (ok)"));
  EXPECT_THAT(client.out, HasSubstr("hello"));
  const ServerRecord record = Settled(server);
  EXPECT_EQ(record.handshakes_completed, 1U);
  EXPECT_EQ(record.application_bytes, std::string(kRequest).size());
  ASSERT_THAT(record.details, SizeIs(1));
  EXPECT_EQ(record.details[0].application_data, kRequest);
  EXPECT_EQ(record.details[0].server_name, "api.example.com");
  EXPECT_EQ(record.details[0].tls_version, "TLSv1.3");
}

TEST_F(ServerTest, BothLoopbackFamiliesServeAndNothingElse) {
  options_.address = "::1";
  EXPECT_EQ(Talk(Started(options_)).status, 0);
  options_.address = "127.0.0.2";
  EXPECT_EQ(Talk(Started(options_)).status, 0);
  options_.address = "0.0.0.0";
  EXPECT_FALSE(Server::Start(options_));
}

TEST_F(ServerTest, ThePresentedChainIsSentExactlyAsGiven) {
  Identity& leaf = options_.identities[0];
  leaf.chain = {world_.Get("rogue-root").certificate, world_.Get("intermediate").certificate,
                world_.Get("rogue-root").certificate};
  const test::ProcessResult client = Talk(Started(options_));
  EXPECT_EQ(Count(client.out, "BEGIN CERTIFICATE"), 4);
  EXPECT_LT(client.out.find("1 s:O = Cotter Lab, CN = Rogue Root"),
            client.out.find("2 s:O = Cotter Lab, CN = Genuine Intermediate"));

  leaf.chain.clear();
  EXPECT_THAT(Talk(Started(options_)).err, HasSubstr("verify error:num=20"));
}

TEST_F(ServerTest, AClientWithTheWrongRootIsRecordedAsNeverThrough) {
  options_.identities = {world_.Get("rogue-leaf")};
  const Server server = Started(options_);
  EXPECT_NE(Talk(server).status, 0);
  const ServerRecord record = Settled(server);
  EXPECT_EQ(record.handshakes_completed, 0U);
  EXPECT_EQ(record.application_bytes, 0U);
  EXPECT_EQ(record.details.at(0).alert, "unknown_ca");
}

TEST_F(ServerTest, TheClientsAlgorithmsChooseBetweenTwoKeyTypes) {
  options_.identities = {world_.Get("leaf"), world_.Get("leaf-rsa")};
  const Server server = Started(options_);
  EXPECT_THAT(Talk(server, {"-sigalgs", "ECDSA+SHA256"}).out,
              HasSubstr("Peer signature type: ECDSA"));
  EXPECT_THAT(Talk(server, {"-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"}).out,
              HasSubstr("Peer signature type: RSA-PSS"));
}

TEST_F(ServerTest, TheServerNameChoosesTheIdentity) {
  options_.by_server_name = {{"other.example.com", {world_.Get("wrong-host")}}};
  const Server server = Started(options_);
  EXPECT_THAT(Talk(server).out, HasSubstr("subject=O = Cotter Lab, CN = localhost"));
  const std::string other =
      Talk(server, {"-servername", "other.example.com", "-verify_hostname", "wrong.example.net"})
          .out;
  EXPECT_THAT(other, HasSubstr("Verify return code: 0 (ok)"));
  static_cast<void>(Talk(server, {"-noservername"}));
  EXPECT_EQ(Settled(server).details.at(2).server_name, std::nullopt);
}

TEST_F(ServerTest, WhatIsPresentedCanChangeWhileItServes) {
  Server server = Started(options_);
  const std::string before = Talk(server).out;
  ASSERT_TRUE(server.Present({world_.Get("backup")}));
  const std::string after = Talk(server).out;
  EXPECT_THAT(before, HasSubstr(world_.Get("leaf").certificate.Pem()));
  EXPECT_THAT(after, HasSubstr(world_.Get("backup").certificate.Pem()));
}

TEST_F(ServerTest, TheVersionsAreThoseOfTheKnobs) {
  options_.min_version = options_.max_version = TlsVersion::kTls12;
  EXPECT_THAT(Talk(Started(options_)).out, HasSubstr("New, TLSv1.2"));
  EXPECT_NE(Talk(Started(options_), {"-tls1_3"}).status, 0);
  options_.min_version = options_.max_version = TlsVersion::kTls10;
  const Server old = Started(options_);
  static_cast<void>(Talk(old, {"-tls1", "-cipher", "DEFAULT@SECLEVEL=0"}));
  EXPECT_EQ(Settled(old).details.at(0).tls_version, "TLSv1");
}

TEST_F(ServerTest, SessionsAreResumedByTicketByIdOrNotAtAll) {
  const std::string session = directory_.File("session.pem");
  for (const TlsVersion version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
    for (const Resumption resumption :
         {Resumption::kTickets, Resumption::kSessionIds, Resumption::kOff}) {
      options_.min_version = options_.max_version = version;
      options_.resumption = resumption;
      const Server server = Started(options_);
      static_cast<void>(test::Run({"rm", "-f", session}));
      static_cast<void>(Talk(server, {"-sess_out", session}));
      const bool kept = test::Run({"test", "-s", session}).status == 0;
      if (kept) static_cast<void>(Talk(server, {"-sess_in", session}));
      const std::uint64_t resumed = Settled(server).handshakes_resumed;
      EXPECT_EQ(resumed, resumption == Resumption::kOff ? 0U : 1U)
          << static_cast<int>(version) << " " << static_cast<int>(resumption);
    }
  }
}

TEST_F(ServerTest, TheServersFirstCommonProtocolIsChosen) {
  options_.alpn = {"h2", "http/1.1"};
  const Server server = Started(options_);
  EXPECT_THAT(Talk(server, {"-alpn", "http/1.1,h2"}).out, HasSubstr("ALPN protocol: h2"));
  EXPECT_NE(Talk(server, {"-alpn", "spdy/1"}).status, 0);
  EXPECT_EQ(Settled(server).details.at(0).alpn, "h2");
}

TEST_F(ServerTest, AClientCertificateIsRecordedOnlyWhereItWasDisclosed) {
  const Identity& identity = world_.Get("client");
  const std::string certificate = directory_.Write("client.pem", identity.certificate.Pem());
  const std::string key = directory_.File("client.key");
  ASSERT_TRUE(WriteKeyFile(key, identity.key));
  options_.client_certificates = ClientCertificates::kRequested;
  const Server server = Started(options_);
  static_cast<void>(Talk(server));
  static_cast<void>(Talk(server, {"-cert", certificate, "-key", key}));
  const ServerRecord record = Settled(server);
  EXPECT_THAT(record.details.at(0).client_certificates, IsEmpty());
  ASSERT_THAT(record.details.at(1).client_certificates, SizeIs(1));
  EXPECT_EQ(record.details[1].client_certificates[0], identity.certificate);

  options_.client_certificates = ClientCertificates::kRequired;
  const Server strict = Started(options_);
  EXPECT_THAT(Talk(strict).out, Not(HasSubstr("hello")));
}

TEST_F(ServerTest, EachStarttlsProtocolLeadsToTls) {
  const std::vector<std::pair<Starttls, std::string>> table = {
      {Starttls::kSmtp, "smtp"},         {Starttls::kImap, "imap"},   {Starttls::kPop3, "pop3"},
      {Starttls::kFtp, "ftp"},           {Starttls::kXmpp, "xmpp"},   {Starttls::kLdap, "ldap"},
      {Starttls::kPostgres, "postgres"}, {Starttls::kMysql, "mysql"},
  };
  for (const auto& [protocol, name] : table) {
    options_.starttls = protocol;
    options_.starttls_conduct = StarttlsConduct::kOffered;
    options_.deadline = seconds(30);
    const Server server = Started(options_);
    EXPECT_THAT(Talk(server, {"-starttls", name}).out, HasSubstr("hello")) << name;
    EXPECT_THAT(Settled(server).details.at(0).preamble, Not(IsEmpty())) << name;

    options_.starttls_conduct = StarttlsConduct::kRefused;
    options_.deadline = seconds(1);  // where both sides wait for the other, as with XMPP
    const Server refusing = Started(options_);
    static_cast<void>(Talk(refusing, {"-starttls", name}));
    EXPECT_EQ(Settled(refusing).handshakes_completed, 0U) << name;
  }
}

TEST_F(ServerTest, AProxyTunnelsToTheServerItself) {
  options_.starttls = Starttls::kHttpProxy;
  const Server server = Started(options_);
  const test::ProcessResult client =
      test::Run({"openssl", "s_client", "-proxy", server.authority(), "-connect",
                 "api.example.com:443", "-CAfile", root_, "-ign_eof"},
                {kRequest, {}, kPatience});
  EXPECT_THAT(client.out, HasSubstr("hello"));
  EXPECT_THAT(Settled(server).details.at(0).preamble,
              HasSubstr("CONNECT api.example.com:443 HTTP/1."));
}

TEST_F(ServerTest, ARenegotiationPresentsAnotherCertificate) {
  options_.max_version = TlsVersion::kTls12;
  options_.renegotiate_with = world_.Get("backup");
  const Server server = Started(options_);
  const test::ProcessResult client = Talk(server);
  EXPECT_THAT(client.out, HasSubstr("hello"));
  // s_client shows the verification of both handshakes.
  EXPECT_EQ(Count(client.err, "depth=0"), 2);
  EXPECT_TRUE(Settled(server).details.at(0).renegotiated);
}

TEST_F(ServerTest, AnonymousSuitesShowNoCertificate) {
  options_.authentication = Authentication::kInsecureAnonymous;
  const Server server = Started(options_);
  const std::string said = Talk(server, {"-cipher", "aNULL:@SECLEVEL=0", "-tls1_2"}).out;
  EXPECT_THAT(said, HasSubstr("no peer certificate available"));
  EXPECT_THAT(said, HasSubstr("hello"));
  EXPECT_NE(Talk(server).status, 0);
}

TEST_F(ServerTest, AnExternalKeyNeedsNoCertificate) {
  options_.authentication = Authentication::kInsecurePreSharedKey;
  options_.psk = Psk{"lab", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
  const Server server = Started(options_);
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const std::string said =
        Talk(server, {version, "-psk_identity", "lab", "-psk", "0102030405060708090a0b0c0d0e0f10"})
            .out;
    EXPECT_THAT(said, HasSubstr("no peer certificate available")) << version;
    EXPECT_THAT(said, HasSubstr("hello")) << version;
  }
}

TEST_F(ServerTest, TenThousandCertificatesAreSent) {
  options_.identities[0].chain.assign(10'000, world_.Get("intermediate").certificate);
  EXPECT_THAT(Talk(Started(options_)).err, HasSubstr("excessive message size"));
}

TEST_F(ServerTest, EveryFaultStrikesInEveryPhaseAndEndsByTheDeadline) {
  options_.deadline = milliseconds(300);
  for (const Fault fault : {Fault::kSilence, Fault::kClose, Fault::kHalfClose, Fault::kReset,
                            Fault::kGarbage, Fault::kPlainHttp, Fault::kEndless}) {
    for (const Phase phase :
         {Phase::kOnAccept, Phase::kBeforeTls, Phase::kMidHandshake, Phase::kAfterHandshake}) {
      options_.fault = fault;
      options_.phase = phase;
      const Server server = Started(options_);
      const test::ProcessResult client = Talk(server);
      const ServerRecord record = Settled(server);
      const bool late = phase == Phase::kAfterHandshake;
      EXPECT_EQ(record.handshakes_completed, late ? 1U : 0U)
          << static_cast<int>(fault) << " " << static_cast<int>(phase);
      EXPECT_THAT(client.out, Not(HasSubstr("hello")));
    }
  }
}

TEST_F(ServerTest, ADribblingServerIsSlowAndStillRight) {
  options_.dribble = milliseconds(1);
  const test::ProcessResult client = Talk(Started(options_));
  EXPECT_THAT(client.out, HasSubstr("hello"));
}

TEST_F(ServerTest, StopEndsSilentConnectionsAtOnce) {
  options_.fault = Fault::kSilence;
  options_.deadline = std::chrono::hours(1);
  Server server = Started(options_);
  // A client that would wait for ever is let go by Stop, well before its own patience ends.
  test::ProcessResult client;
  {
    const std::string authority = server.authority();
    std::jthread talking([&] {
      client = test::Run({"openssl", "s_client", "-connect", authority}, {"", {}, kPatience});
    });
    EXPECT_TRUE(
        server.WaitFor([](const ServerRecord& r) { return r.connections == 1; }, kPatience));
    server.Stop();
  }
  EXPECT_FALSE(client.timed_out);
  EXPECT_EQ(server.Record().closed, 1U);
}

}  // namespace
}  // namespace cotter::lab
