// SPDX-License-Identifier: Apache-2.0
//
// Looks and judgements over several addresses of one name, among them addresses that misbehave. The
// servers are the lab's, on 127.0.0.1, 127.0.0.2 … at one port.
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "lab/server.h"
#include "lab/world.h"
#include "probe/judge.h"
#include "probe/look.h"
#include "tests/probe/fleet.h"
#include <cotter/policy_index.h>

namespace cotter::probe {
namespace {

using namespace std::chrono_literals;
using lab::Fault;
using lab::Phase;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

Result<Look> LookAtFleet(const Fleet& fleet, std::chrono::milliseconds timeout = 20s) {
  LookOptions options;
  options.connect = fleet.connect();
  options.timeout = timeout;
  options.trust = Trust({"root"});
  options.now = base::Now();
  return LookAt(fleet.target(), options);
}

// The leaf of each chain, by its name in the World.
std::vector<std::string> Leaves(const Look& look) {
  std::vector<std::string> names;
  for (const ServedChain& chain : look.chains) {
    for (const lab::NamedIdentity& known : World().identities()) {
      if (known.identity.certificate.der == chain.presented.certificates.front()) {
        names.push_back(known.name);
      }
    }
  }
  return names;
}

std::vector<std::string> Peers(const ServedChain& chain) {
  std::vector<std::string> peers;
  for (const Sighting& sighting : chain.sightings) peers.push_back(sighting.peer);
  return peers;
}

TEST(Look, MergesOneChainOfManyAddresses) {
  Fleet fleet({Serving({"leaf"}), Serving({"leaf"}), Serving({"backup"})});
  const Result<Look> look = LookAtFleet(fleet);
  ASSERT_TRUE(look) << look.error().message;
  EXPECT_TRUE(look->is_complete());
  EXPECT_THAT(Leaves(*look), ElementsAre("leaf", "backup"));
  EXPECT_THAT(Peers(look->chains[0]), ElementsAre(fleet.peer(1), fleet.peer(2)));
  EXPECT_THAT(Peers(look->chains[1]), ElementsAre(fleet.peer(3)));
  const ServedChain& chain = look->chains[0];
  EXPECT_FALSE(chain.failure);
  EXPECT_THAT(chain.path, ElementsAre(World().Get("leaf").certificate.der,
                                      World().Get("intermediate").certificate.der,
                                      World().Get("root").certificate.der));
  EXPECT_EQ(chain.sightings[0].tls_version, "TLSv1.3");
}

TEST(Look, FindsBothKeyTypesInBothVersions) {
  for (const lab::TlsVersion version : {lab::TlsVersion::kTls12, lab::TlsVersion::kTls13}) {
    lab::ServerOptions server = Serving({"leaf", "leaf-rsa"});
    server.min_version = server.max_version = version;
    Fleet fleet({server});
    const Result<Look> look = LookAtFleet(fleet);
    ASSERT_TRUE(look) << look.error().message;
    EXPECT_THAT(look->failures, IsEmpty());
    EXPECT_THAT(Leaves(*look), UnorderedElementsAre("leaf", "leaf-rsa"));
  }
}

TEST(Look, KeepsAChainThatDoesNotVerifyAsItWasSent) {
  for (const auto& [name, code] :
       std::map<std::string, Code>{{"wrong-host", Code::kHostMismatch},
                                   {"expired", Code::kCertExpired},
                                   {"rogue-leaf", Code::kIssuerUnknown}}) {
    Fleet fleet({Serving({name})});
    const Result<Look> look = LookAtFleet(fleet);
    ASSERT_TRUE(look) << look.error().message;
    ASSERT_THAT(look->chains, SizeIs(1)) << name;
    EXPECT_EQ(Leaves(*look), std::vector{name});
    EXPECT_THAT(look->chains[0].path, IsEmpty());
    ASSERT_TRUE(look->chains[0].failure) << name;
    EXPECT_EQ(NameOf(look->chains[0].failure->code), NameOf(code));
  }
}

// Half a pin set never looks complete: what works is shown, and what does not makes it incomplete.
TEST(Look, ShowsBothWhatWorksAndWhatDoesNot) {
  Fleet fleet({Serving({"leaf"}),
               {},
               Faulty(Fault::kReset, Phase::kOnAccept),
               Faulty(Fault::kPlainHttp, Phase::kOnAccept)});
  const Result<Look> look = LookAtFleet(fleet);
  ASSERT_TRUE(look);
  EXPECT_FALSE(look->is_complete());
  EXPECT_THAT(Leaves(*look), ElementsAre("leaf"));
  EXPECT_THAT(look->passed_over, IsEmpty());
  std::vector<std::pair<std::string, Code>> failures;
  for (const PeerError& failure : look->failures) {
    failures.emplace_back(failure.peer, failure.error.code);
  }
  EXPECT_THAT(failures, ElementsAre(std::pair(fleet.peer(2), Code::kConnectRefused),
                                    std::pair(fleet.peer(3), Code::kConnectionClosed),
                                    std::pair(fleet.peer(4), Code::kNotTls)));
}

TEST(Look, SilentAddressesDoNotAddUp) {
  constexpr std::chrono::milliseconds kTimeout = 1500ms;
  std::vector<lab::ServerOptions> all{Serving({"leaf"})};
  for (int i = 0; i < 12; ++i) all.push_back(Faulty(Fault::kSilence, Phase::kOnAccept));
  Fleet fleet(all);
  const auto begun = std::chrono::steady_clock::now();
  const Result<Look> look = LookAtFleet(fleet, kTimeout);
  ASSERT_TRUE(look);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 6 * kTimeout);
  EXPECT_THAT(Leaves(*look), ElementsAre("leaf"));
  EXPECT_THAT(look->failures, SizeIs(12));
  for (const PeerError& failure : look->failures) {
    EXPECT_EQ(failure.error.code, Code::kConnectTimeout);
  }
}

TEST(Look, LocalhostIsOneMachine) {
  lab::ServerOptions options = Serving({"leaf"});
  Result<lab::Server> server = lab::Server::Start(options);
  ASSERT_TRUE(server);
  LookOptions look_options;
  look_options.trust = Trust({"root"});
  look_options.now = base::Now();
  const Result<net::ResolveOverride> both =
      net::ParseResolve("localhost:" + std::to_string(server->port()) + ":127.0.0.1,::1");
  look_options.connect.resolve.push_back(*both);
  const Result<Look> look = LookAt(*net::ParseTarget("localhost", server->port()), look_options);
  ASSERT_TRUE(look);
  EXPECT_TRUE(look->is_complete());
  EXPECT_THAT(look->passed_over, SizeIs(1));
}

TEST(Look, UnknownNamesAreADnsFailure) {
  LookOptions options;
  options.trust = Trust({"root"});
  options.now = base::Now();
  // RFC 6761, 6.4: "invalid" never resolves; where there is no name server that shows as well.
  const Result<Look> look = LookAt(*net::ParseTarget("no-such-host.invalid", 443), options);
  ASSERT_FALSE(look);
  EXPECT_EQ(look.error().code, Code::kDnsFailed);
  options.connect.family = net::Family::kIpv6;
  const Result<Look> wrong_family = LookAt(*net::ParseTarget("127.0.0.1", 443), options);
  ASSERT_FALSE(wrong_family);
  EXPECT_EQ(wrong_family.error().code, Code::kDnsFailed);
}

TEST(Look, TunnelsThroughAProxyAndTellsItNothingElse) {
  Fleet fleet({Serving({"leaf"})});
  lab::ServerOptions proxy_options = Serving({"backup"});
  proxy_options.starttls = lab::Starttls::kHttpProxy;
  Result<lab::Server> proxy = lab::Server::Start(proxy_options);
  ASSERT_TRUE(proxy);
  LookOptions options;
  options.connect.proxy = *net::ParseProxy("http://user:secret@" + proxy->authority());
  options.trust = Trust({"root"});
  options.now = base::Now();
  const Result<Look> look = LookAt(*net::ParseTarget("api.example.com", 443), options);
  ASSERT_TRUE(look);
  // The lab's proxy answers every tunnel itself.
  EXPECT_THAT(Leaves(*look), ElementsAre("backup"));
  EXPECT_THAT(Peers(look->chains[0]), ElementsAre("api.example.com:443"));
  EXPECT_EQ(proxy->Record().details.front().preamble,
            "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n"
            "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n");
}

// A policy with one rule for api.example.com and these identities' keys.
tls::Enforcer Enforce(const std::vector<std::string>& pinned, Mode mode = Mode::kEnforce) {
  Policy policy;
  policy.name = "test";
  policy.version = 1;
  HostRule rule{.pattern = *HostPattern::Parse("api.example.com")};
  rule.mode = mode;
  for (const std::string& name : pinned) {
    PolicyPin pin;
    pin.pin.digest = base::Sha256(World().Get(name).key.Spki());
    rule.pins.push_back(pin);
  }
  policy.hosts.push_back(rule);
  Result<PolicyIndex> index = PolicyIndex::Build(policy);
  COTTER_CHECK(index.has_value());
  tls::EnforcerOptions options;
  options.policy = HoldPolicy(std::make_shared<const PolicyIndex>(*std::move(index)));
  options.trust = Trust({"root", "rogue-root"});
  Result<tls::Enforcer> enforcer = tls::Enforcer::Create(options);
  COTTER_CHECK(enforcer.has_value());
  return *std::move(enforcer);
}

std::vector<std::string> Verdicts(const std::vector<JudgedPeer>& judged) {
  std::vector<std::string> verdicts;
  for (const JudgedPeer& one : judged) {
    EXPECT_NE(one.record.has_value(), one.error.has_value()) << one.peer;
    verdicts.emplace_back(one.record ? NameOf(one.record->verdict.outcome)
                                     : NameOf(one.error->code));
  }
  return verdicts;
}

TEST(Judge, JudgesEveryAddress) {
  Fleet fleet({Serving({"leaf"}),
               Serving({"backup"}),
               Serving({"expired"}),
               {},
               Faulty(Fault::kPlainHttp, Phase::kOnAccept)});
  const Result<std::vector<JudgedPeer>> judged =
      JudgeServer(fleet.target(), Enforce({"leaf"}), {fleet.connect(), {}, 20s});
  ASSERT_TRUE(judged) << judged.error().message;
  EXPECT_THAT(Verdicts(*judged),
              ElementsAre("pinned_ok", "pin_mismatch", "pki_error", "connect_refused", "not_tls"));
  EXPECT_EQ((*judged)[0].peer, fleet.peer(1));
  EXPECT_EQ((*judged)[0].tls_version, "TLSv1.3");
  EXPECT_EQ((*judged)[1].tls_version, "TLSv1.3");
}

TEST(Judge, JudgesBothKeyTypes) {
  Fleet fleet({Serving({"leaf", "leaf-rsa"})});
  for (const auto& [pinned, verdicts] : std::map<std::string, std::vector<std::string>>{
           {"root", {"pinned_ok", "pinned_ok"}}, {"leaf", {"pinned_ok", "pin_mismatch"}}}) {
    const Result<std::vector<JudgedPeer>> judged =
        JudgeServer(fleet.target(), Enforce({pinned}), {fleet.connect(), {}, 20s});
    ASSERT_TRUE(judged);
    EXPECT_THAT(Verdicts(*judged), testing::UnorderedElementsAreArray(verdicts)) << pinned;
  }
}

// S3-01: nothing is said before the verdict, and S3-03: the negotiated version is recorded.
// The rogue CA is trusted, and the genuine intermediate and root are appended (S1-01, S2-13).
TEST(Judge, RefusesAnInterceptorInsideTheHandshake) {
  for (const std::string pinned : {"leaf", "intermediate", "root"}) {
    lab::ServerOptions rogue = Serving({"rogue-leaf"});
    rogue.identities[0].chain.push_back(World().Get("intermediate").certificate);
    rogue.identities[0].chain.push_back(World().Get("root").certificate);
    rogue.client_certificates = lab::ClientCertificates::kRequested;
    Fleet fleet({rogue});
    const Result<std::vector<JudgedPeer>> judged =
        JudgeServer(fleet.target(), Enforce({pinned}), {fleet.connect(), {}, 20s});
    ASSERT_TRUE(judged);
    EXPECT_THAT(Verdicts(*judged), ElementsAre("pin_mismatch"));
    EXPECT_TRUE((*judged)[0].record->message.starts_with("bad ssl pin detected, found pins: ["));
    fleet.servers()[0].Stop();
    const lab::ServerRecord record = fleet.servers()[0].Record();
    EXPECT_EQ(record.handshakes_completed, 0U);
    EXPECT_EQ(record.application_bytes, 0U);
  }
}

TEST(Judge, AServerWithoutACertificateHasNoVerdict) {
  lab::ServerOptions anonymous = Serving({"leaf"});
  anonymous.authentication = lab::Authentication::kInsecureAnonymous;
  Fleet fleet({anonymous});
  const Result<std::vector<JudgedPeer>> judged =
      JudgeServer(fleet.target(), Enforce({"leaf"}), {fleet.connect(), {}, 20s});
  ASSERT_TRUE(judged);
  ASSERT_THAT(*judged, SizeIs(1));
  EXPECT_FALSE((*judged)[0].record);
}

TEST(Judge, AVerdictOfAFailedHandshakeIsNone) {
  Fleet fleet({Faulty(Fault::kReset, Phase::kMidHandshake)});
  const Result<std::vector<JudgedPeer>> judged =
      JudgeServer(fleet.target(), Enforce({"leaf"}), {fleet.connect(), {}, 20s});
  ASSERT_TRUE(judged);
  EXPECT_FALSE((*judged)[0].record);
}

}  // namespace
}  // namespace cotter::probe
