// SPDX-License-Identifier: Apache-2.0
//
// The engine against the lab's servers: what it learns, what it keeps where a look fails, and that
// no server keeps it.
#include "probe/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"
#include "net/async/event_loop.h"
#include "tests/probe/fleet.h"
#include <cotter/certificate.h>

namespace cotter::probe {
namespace {

using namespace std::chrono_literals;
using lab::Fault;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Asks all questions on a loop of its own and returns the answers in the order of their coming.
struct Answers {
  std::vector<HostFacts> facts;
  Tally tally;
  std::size_t most_open = 0;
};

Answers AskAll(const std::vector<Question>& questions, EngineOptions options = {}) {
  Answers answers;
  auto loop = net::EventLoop::Create();
  COTTER_CHECK(loop.has_value());
  auto engine = Engine::Create(**loop, std::move(options));
  COTTER_CHECK(engine.has_value());
  for (const Question& question : questions) {
    (*engine)->Ask(question, [&](HostFacts facts) {
      answers.facts.push_back(std::move(facts));
      answers.most_open = std::max(answers.most_open, (*engine)->open());
      if (answers.facts.size() == questions.size()) (*loop)->Stop();
    });
  }
  (*loop)->Run();
  EXPECT_EQ((*engine)->pending(), 0U);
  EXPECT_EQ((*engine)->open(), 0U);
  answers.tally = (*engine)->tally();
  return answers;
}

std::shared_ptr<Settings> SettingsFor(const net::ConnectOptions& connect, Wanted wanted = {}) {
  auto settings = std::make_shared<Settings>();
  settings->connect = connect;
  settings->wanted = wanted;
  settings->trust = Trust({"root"});
  return settings;
}

HostFacts AskFleet(const Fleet& fleet, Wanted wanted = {}) {
  Answers answers = AskAll({{fleet.target(), SettingsFor(fleet.connect(), wanted)}});
  return std::move(answers.facts.front());
}

Digest PinOf(std::string_view name) {
  const Result<ByteView> spki = FindSpki(World().Get(name).certificate.der);
  COTTER_CHECK(spki.has_value());
  return base::Sha256(*spki);
}

TEST(Engine, LooksAtEveryAddressAndVerifiesWhatItSees_S3_09_S3_49) {
  const Fleet fleet({Serving({"leaf"}), Serving({"backup"}), Serving({"rogue-leaf"})});
  const HostFacts facts = AskFleet(fleet);
  ASSERT_THAT(facts.addresses, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(facts.addresses[i].peer, fleet.peer(i + 1));
    EXPECT_FALSE(facts.addresses[i].usual().error);
    EXPECT_EQ(facts.addresses[i].usual().version, "TLSv1.3");
  }
  const ChainFacts& leaf = *facts.addresses[0].usual().chain;
  EXPECT_THAT(leaf.path_pins,
              ElementsAre(ElementsAre(PinOf("leaf"), PinOf("intermediate"), PinOf("root"))));
  EXPECT_EQ(leaf.leaf.key, "EC P-256");
  EXPECT_TRUE(leaf.leaf.usual_key);
  EXPECT_EQ(facts.addresses[1].usual().chain->seen.presented.front().spki, PinOf("backup"));
  // What does not verify is kept, too.
  const ChainFacts& rogue = *facts.addresses[2].usual().chain;
  EXPECT_THAT(rogue.path_pins, IsEmpty());
  EXPECT_EQ(rogue.seen.code, Code::kIssuerUnknown);
  EXPECT_EQ(rogue.seen.presented.front().spki, PinOf("rogue-leaf"));
}

TEST(Engine, JudgesTheChainOfAFarmOnce) {
  const Fleet fleet({Serving({"leaf"}), Serving({"leaf"}), Serving({"leaf"}), Serving({"leaf"})});
  const Answers answers = AskAll({{fleet.target(), SettingsFor(fleet.connect())}});
  EXPECT_EQ(answers.tally.chains_judged, 1U);
  EXPECT_EQ(answers.tally.chains_known, 3U);
  EXPECT_EQ(answers.tally.looks, 4U);
  const auto& addresses = answers.facts[0].addresses;
  EXPECT_EQ(addresses[0].usual().chain, addresses[3].usual().chain);
}

// Asks twice on one engine, at `first` and at `second`; how many chains were judged.
std::uint64_t JudgedTwice(const Question& one, const Question& other, Time first, Time second,
                          std::vector<HostFacts>& facts) {
  auto loop = net::EventLoop::Create();
  COTTER_CHECK(loop.has_value());
  Time now = first;
  EngineOptions options;
  options.clock = [&now] { return now; };
  options.keep_judged = std::chrono::hours(24 * 1000);
  auto engine = Engine::Create(**loop, std::move(options));
  COTTER_CHECK(engine.has_value());
  (*engine)->Ask(one, [&](HostFacts answer) {
    facts.push_back(std::move(answer));
    now = second;
    (*engine)->Ask(other, [&](HostFacts later) {
      facts.push_back(std::move(later));
      (*loop)->Stop();
    });
  });
  (*loop)->Run();
  return (*engine)->tally().chains_judged;
}

// S3-35: what is remembered of a chain hides nothing that time, trust or the policy changed.
TEST(Engine, AJudgementEndsWithTheCertificatesTheTrustAndThePolicy_S3_35) {
  const Fleet fleet({Serving({"leaf"})});
  const Question question{fleet.target(), SettingsFor(fleet.connect())};
  std::vector<HostFacts> facts;
  const Time now = Time{std::time(nullptr)};
  EXPECT_EQ(JudgedTwice(question, question, now, Time{now.unix_seconds + 3600}, facts), 1U);
  EXPECT_EQ(facts[0].addresses[0].usual().chain, facts[1].addresses[0].usual().chain);
  EXPECT_EQ(facts[1].addresses[0].usual().chain->path_pins.size(), 1U);
  const Time end = *facts[0].addresses[0].usual().chain->seen.presented.front().not_after;

  // The leaf ends: in the second before it is as it was, at its end it is judged anew.
  facts.clear();
  EXPECT_EQ(JudgedTwice(question, question, now, Time{end.unix_seconds - 1}, facts), 1U);
  facts.clear();
  EXPECT_EQ(JudgedTwice(question, question, now, end, facts), 2U);
  EXPECT_EQ(facts[1].addresses[0].usual().chain->seen.code, Code::kCertExpired);

  // Other roots, and another policy.
  auto other_trust = SettingsFor(fleet.connect());
  other_trust->trust = Trust({"rogue-root"});
  facts.clear();
  EXPECT_EQ(JudgedTwice(question, {fleet.target(), other_trust}, now, now, facts), 2U);
  EXPECT_EQ(facts[1].addresses[0].usual().chain->seen.code, Code::kIssuerUnknown);
  auto other_policy = SettingsFor(fleet.connect());
  Policy policy;
  HostRule rule{.pattern = *HostPattern::Parse("api.example.com")};
  rule.pins = {{.pin = {.digest = PinOf("backup")}, .label = ""}};
  policy.hosts = {rule};
  other_policy->policy = std::make_shared<const PolicyIndex>(*PolicyIndex::Build(policy));
  facts.clear();
  EXPECT_EQ(JudgedTwice(question, {fleet.target(), other_policy}, now, now, facts), 2U);
  EXPECT_EQ(facts[1].addresses[0].usual().chain->seen.verdict.outcome, Outcome::kPinMismatch);

  // A rule that expires, and then asks for the PKI alone.
  policy.hosts[0].expires = Time{now.unix_seconds + 100};
  policy.hosts[0].on_expiry = OnExpiry::kPki;
  auto expiring = SettingsFor(fleet.connect());
  expiring->policy = std::make_shared<const PolicyIndex>(*PolicyIndex::Build(policy));
  facts.clear();
  const Question asked{fleet.target(), expiring};
  EXPECT_EQ(JudgedTwice(asked, asked, now, Time{now.unix_seconds + 100}, facts), 2U);
  EXPECT_EQ(facts[0].addresses[0].usual().chain->seen.verdict.outcome, Outcome::kPinMismatch);
  EXPECT_NE(facts[1].addresses[0].usual().chain->seen.verdict.outcome, Outcome::kPinMismatch);
}

TEST(Engine, AsksForBothKeyTypes) {
  const Fleet fleet({Serving({"leaf", "leaf-rsa"}), Serving({"leaf"})});
  const HostFacts facts = AskFleet(fleet, {.other_keys = true});
  ASSERT_THAT(facts.addresses[0].looks, SizeIs(2));
  EXPECT_EQ(facts.addresses[0].looks[1].purpose, Purpose::kOtherKey);
  EXPECT_EQ(facts.addresses[0].looks[1].chain->leaf.key, "RSA 2048");
  // A server without a key of the other type is no failure.
  EXPECT_THAT(facts.addresses[1].looks, SizeIs(1));
}

TEST(Engine, ReadsHeadersAndTakesASessionUpAgain) {
  lab::ServerOptions server = Serving({"leaf"});
  server.alpn = {"http/1.1"};
  server.response =
      "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=31536000\r\nPublic-Key-Pins: x\r\n"
      "Server: lab\r\nContent-Length: 0\r\n\r\n";
  const Fleet fleet({server});
  const HostFacts facts = AskFleet(fleet, {.headers = true, .resumption = true});
  const LookFacts& usual = facts.addresses[0].usual();
  ASSERT_TRUE(usual.http) << (usual.error ? usual.error->message : "");
  EXPECT_EQ(usual.http->status, 200);
  EXPECT_EQ(usual.http->hsts, "max-age=31536000");
  EXPECT_EQ(usual.http->hpkp, "x");
  EXPECT_EQ(usual.alpn, "http/1.1");
  ASSERT_THAT(facts.addresses[0].looks, SizeIs(2));
  EXPECT_TRUE(facts.addresses[0].looks[1].resumed);
}

TEST(Engine, AsksOverHttpOneWhereHttp2WasAgreed) {
  lab::ServerOptions server = Serving({"leaf"});
  server.alpn = {"h2", "http/1.1"};
  const Fleet fleet({server});
  const HostFacts facts = AskFleet(fleet, {.headers = true});
  ASSERT_THAT(facts.addresses[0].looks, SizeIs(1));
  EXPECT_EQ(facts.addresses[0].usual().alpn, "h2");
  ASSERT_TRUE(facts.addresses[0].usual().http);
  EXPECT_EQ(facts.addresses[0].usual().http->status, 200);
}

TEST(Engine, ShowsWhatComesWithoutServerName) {
  lab::ServerOptions server = Serving({"backup"});
  server.by_server_name.push_back({"api.example.com", {World().Get("leaf")}});
  const Fleet fleet({server});
  const HostFacts facts = AskFleet(fleet, {.without_name = true});
  ASSERT_THAT(facts.addresses[0].looks, SizeIs(2));
  EXPECT_EQ(facts.addresses[0].looks[0].chain->seen.presented.front().spki, PinOf("leaf"));
  EXPECT_EQ(facts.addresses[0].looks[1].purpose, Purpose::kWithoutName);
  EXPECT_EQ(facts.addresses[0].looks[1].chain->seen.presented.front().spki, PinOf("backup"));
}

TEST(Engine, LearnsWhichVersionsAreSpoken_S3_27) {
  lab::ServerOptions old = Serving({"leaf-rsa"});
  old.min_version = lab::TlsVersion::kTls10;
  old.max_version = lab::TlsVersion::kTls12;
  const Fleet fleet({old, Serving({"leaf"})});
  const HostFacts facts = AskFleet(fleet, {.versions = true, .weak_suites = true});
  const auto spoken = [](const AddressFacts& address) {
    std::vector<std::string> names;
    for (const VersionFacts& one : address.versions) {
      EXPECT_FALSE(one.error) << one.error->message;
      if (one.support == Support::kYes) names.emplace_back(NameOf(one.version));
    }
    return names;
  };
  EXPECT_THAT(spoken(facts.addresses[0]), ElementsAre("TLSv1", "TLSv1.1", "TLSv1.2"));
  EXPECT_THAT(spoken(facts.addresses[1]), ElementsAre("TLSv1.2", "TLSv1.3"));
  EXPECT_THAT(facts.addresses[1].weak_suites, IsEmpty());
}

TEST(Engine, SpeaksEveryStarttlsProtocol) {
  const std::map<lab::Starttls, net::Starttls> protocols{
      {lab::Starttls::kSmtp, net::Starttls::kSmtp},
      {lab::Starttls::kImap, net::Starttls::kImap},
      {lab::Starttls::kPop3, net::Starttls::kPop3},
      {lab::Starttls::kFtp, net::Starttls::kFtp},
      {lab::Starttls::kXmpp, net::Starttls::kXmpp},
      {lab::Starttls::kPostgres, net::Starttls::kPostgres},
      {lab::Starttls::kMysql, net::Starttls::kMysql},
      {lab::Starttls::kLdap, net::Starttls::kLdap}};
  for (const auto& [spoken, asked] : protocols) {
    lab::ServerOptions server = Serving({"leaf"});
    server.starttls = spoken;
    const Fleet fleet({server});
    net::ConnectOptions connect = fleet.connect();
    connect.starttls = asked;
    const Answers answers = AskAll({{fleet.target(), SettingsFor(connect)}});
    const LookFacts& look = answers.facts[0].addresses[0].usual();
    EXPECT_TRUE(look.completed()) << static_cast<int>(asked)
                                  << (look.error ? look.error->message : "");
  }
}

TEST(Engine, RefusesBytesInClearBehindTheGoAhead) {
  lab::ServerOptions server = Serving({"leaf"});
  server.starttls = lab::Starttls::kSmtp;
  server.starttls_conduct = lab::StarttlsConduct::kInjected;
  const Fleet fleet({server});
  net::ConnectOptions connect = fleet.connect();
  connect.starttls = net::Starttls::kSmtp;
  const Answers answers = AskAll({{fleet.target(), SettingsFor(connect)}});
  const LookFacts& look = answers.facts[0].addresses[0].usual();
  ASSERT_TRUE(look.error);
  EXPECT_EQ(look.error->code, Code::kStarttlsRefused);
  EXPECT_EQ(look.ended_in, Phase::kPreamble);
}

TEST(Engine, GoesThroughATunnel) {
  lab::ServerOptions proxy = Serving({"leaf"});
  proxy.starttls = lab::Starttls::kHttpProxy;
  const Fleet fleet({proxy});
  net::ConnectOptions connect;
  connect.proxy = net::Proxy{"127.0.0.1", fleet.target().port, {}};
  const Answers answers = AskAll({{fleet.target(), SettingsFor(connect)}});
  const AddressFacts& address = answers.facts[0].addresses[0];
  EXPECT_TRUE(address.usual().completed());
  EXPECT_FALSE(address.address);
}

// What a server does wrong, and what the look says of it.
struct HostileCase {
  Fault fault;
  lab::Phase phase;
  Code code;
};

TEST(Engine, NoServerKeepsIt) {
  const std::vector<HostileCase> cases{
      {Fault::kSilence, lab::Phase::kOnAccept, Code::kConnectTimeout},
      {Fault::kSilence, lab::Phase::kMidHandshake, Code::kConnectTimeout},
      {Fault::kClose, lab::Phase::kOnAccept, Code::kConnectionClosed},
      {Fault::kReset, lab::Phase::kMidHandshake, Code::kConnectionClosed},
      {Fault::kGarbage, lab::Phase::kOnAccept, Code::kNotTls},
      {Fault::kPlainHttp, lab::Phase::kOnAccept, Code::kNotTls},
      {Fault::kEndless, lab::Phase::kOnAccept, Code::kNotTls},
      {Fault::kEndless, lab::Phase::kMidHandshake, Code::kTlsFailed},
      {Fault::kHalfClose, lab::Phase::kMidHandshake, Code::kConnectionClosed},
  };
  std::vector<std::unique_ptr<Fleet>> fleets;
  std::vector<Question> questions;
  for (const HostileCase& one : cases) {
    fleets.push_back(std::make_unique<Fleet>(std::vector{Faulty(one.fault, one.phase)}));
    const auto settings = SettingsFor(fleets.back()->connect(), {.headers = true});
    settings->limits.handshake = 2s;
    questions.push_back({fleets.back()->target(), settings});
  }
  const Answers answers = AskAll(questions);
  for (const HostFacts& facts : answers.facts) {
    const auto at = std::find_if(questions.begin(), questions.end(), [&](const Question& one) {
      return one.target.port == facts.target.port;
    });
    const HostileCase& one = cases[static_cast<std::size_t>(at - questions.begin())];
    const LookFacts& look = facts.addresses[0].usual();
    ASSERT_TRUE(look.error);
    EXPECT_EQ(look.error->code, one.code)
        << static_cast<int>(one.fault) << " " << look.error->message;
  }
  // Every reason is counted.
  std::uint64_t failed = 0;
  for (const auto& [reason, count] : answers.tally.failed) failed += count;
  EXPECT_EQ(failed, cases.size());
}

TEST(Engine, ReadsNoEndlessChain) {
  lab::Identity long_chain = World().Get("leaf");
  for (int i = 0; i < 200; ++i) {
    long_chain.chain.push_back(World().Get("intermediate").certificate);
  }
  lab::ServerOptions server;
  server.identities = {long_chain};
  const Fleet fleet({server});
  const HostFacts facts = AskFleet(fleet);
  ASSERT_TRUE(facts.addresses[0].usual().error);
  EXPECT_EQ(facts.addresses[0].usual().error->code, Code::kChainTooLong);
}

TEST(Engine, KeepsTheChainOfALookThatFailsLater) {
  const Fleet fleet({Faulty(Fault::kSilence, lab::Phase::kAfterHandshake)});
  const auto settings = SettingsFor(fleet.connect(), {.headers = true});
  settings->limits.request = 500ms;
  const Answers answers = AskAll({{fleet.target(), settings}});
  const LookFacts& look = answers.facts[0].addresses[0].usual();
  ASSERT_TRUE(look.error);
  EXPECT_EQ(look.ended_in, Phase::kRequest);
  ASSERT_TRUE(look.chain);
  EXPECT_THAT(look.chain->path_pins, SizeIs(1));
}

TEST(Engine, PassesOverAnAddressThatSaysNothing) {
  const Fleet fleet({Serving({"leaf"})});
  net::ConnectOptions connect;
  const std::string port = std::to_string(fleet.target().port);
  connect.resolve.push_back(*net::ParseResolve("localhost:" + port + ":127.0.0.1,127.0.0.9"));
  const net::Target target = *net::ParseTarget("localhost", fleet.target().port);
  const Answers answers = AskAll({{target, SettingsFor(connect)}});
  ASSERT_THAT(answers.facts[0].addresses, SizeIs(2));
  EXPECT_FALSE(answers.facts[0].addresses[0].passed_over);
  EXPECT_TRUE(answers.facts[0].addresses[1].passed_over);
}

TEST(Engine, TellsOfANameWithoutAddress) {
  const net::Target target = *net::ParseTarget("no-such-name.invalid", 443);
  const auto settings = SettingsFor({});
  settings->limits.resolve = 1s;
  EngineOptions options;
  options.name_servers = "127.0.0.1:1";  // where nobody listens
  const Answers answers = AskAll({{target, settings}}, options);
  ASSERT_TRUE(answers.facts[0].failure);
  EXPECT_THAT(answers.facts[0].addresses, IsEmpty());
}

TEST(Engine, AsksInClearTheFirstAddressThatAnswersAndNoOther) {
  Fleet fleet({{},
               Faulty(Fault::kPlainHttp, lab::Phase::kOnAccept),
               Faulty(Fault::kPlainHttp, lab::Phase::kOnAccept)});
  auto settings = std::make_shared<Settings>();
  settings->connect = fleet.connect();
  settings->in_clear = SmallRequest{.method = "GET", .host = "api.example.com", .path = "/"};
  const Answers answers = AskAll({{fleet.target(), settings}});
  const auto& addresses = answers.facts[0].addresses;
  ASSERT_THAT(addresses, SizeIs(2));
  EXPECT_EQ(addresses[0].usual().error->code, Code::kConnectRefused);
  ASSERT_NE(addresses[1].usual().clear, nullptr);
  EXPECT_GE(addresses[1].usual().clear->status, 100);
  fleet.servers()[1].Stop();
  EXPECT_EQ(fleet.servers()[1].Record().connections, 0U);
}

TEST(Engine, EndsAllOfAQuestionInItsTime) {
  const Fleet fleet({Faulty(Fault::kSilence, lab::Phase::kOnAccept), Serving({"leaf"})});
  const auto settings = SettingsFor(fleet.connect(), {.other_keys = true, .resumption = true});
  settings->limits.whole = 700ms;
  const auto began = std::chrono::steady_clock::now();
  const Answers answers = AskAll({{fleet.target(), settings}});
  EXPECT_LT(std::chrono::steady_clock::now() - began, 8s);
  const auto& addresses = answers.facts[0].addresses;
  ASSERT_TRUE(addresses[0].usual().error);
  EXPECT_EQ(addresses[0].usual().error->code, Code::kConnectTimeout);
  EXPECT_EQ(addresses[1].usual().version, "TLSv1.3");
}

// What is only collected is kept as it was sent, and nobody verifies it.
TEST(Engine, KeepsWhatWasPresentedWhereNothingIsVerified) {
  const Fleet fleet({Serving({"rogue-leaf"})});
  auto settings = std::make_shared<Settings>();
  settings->connect = fleet.connect();
  const Answers answers = AskAll({{fleet.target(), settings}});
  const LookFacts& look = answers.facts[0].addresses[0].usual();
  EXPECT_EQ(look.chain, nullptr);
  ASSERT_NE(look.presented, nullptr);
  EXPECT_EQ(look.presented->certificates.front(), World().Get("rogue-leaf").certificate.der);
  EXPECT_EQ(answers.tally.chains_judged, 0U);
}

TEST(Engine, KeepsToItsLimitsForEachAddress) {
  const Fleet fleet({Serving({"leaf"})});
  EngineOptions options;
  options.rates = {.open_per_address = 2,
                   .open_per_network = 0,
                   .per_address_per_second = 10,
                   .per_network_per_second = 0,
                   .spare_loopback = false};
  const std::vector<Question> questions(20, {fleet.target(), SettingsFor(fleet.connect())});
  const auto began = std::chrono::steady_clock::now();
  const Answers answers = AskAll(questions, options);
  // Ten at once, and then ten a second.
  EXPECT_GE(std::chrono::steady_clock::now() - began, 900ms);
  EXPECT_LE(answers.most_open, 2U);
  EXPECT_EQ(answers.tally.looks, 20U);
}

}  // namespace
}  // namespace cotter::probe
