// SPDX-License-Identifier: Apache-2.0
//
// Defects that were found in other HTTP clients, each tried on this one. The numbers T1 to T19 are
// those of the list of them; where another test shows that a defect is not here, its comment has
// the number.
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/settings.h"
#include "tests/client/clear_server.h"
#include "tests/client/served_client.h"
#include <cotter/client.h>

namespace cotter::client {
namespace {

using testing::HasSubstr;
using testing::Not;

Lookup::Kind KindOf(const PolicyIndex& policy, std::string_view name) {
  return policy.Find(HostName::Parse(name).value(), 443).kind;
}

// T2: a transport that pins do not reach. A server's word that it speaks HTTP/3, or at another
// port, leads nowhere.
TEST(Defects, NoAlternativeServiceIsFollowed_S1_56) {
  const lab::Server elsewhere = StartServer(Serving({"leaf"}));
  lab::ServerOptions telling = Serving({"leaf"});
  telling.response = "HTTP/1.1 200 OK\r\nAlt-Svc: h2=\":" + std::to_string(elsewhere.port()) +
                     "\"; ma=1000, h3=\":" + std::to_string(elsewhere.port()) +
                     "\"; ma=1000\r\nContent-Length: 2\r\n\r\nok";
  const lab::Server server = StartServer(std::move(telling));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
  ASSERT_TRUE(client);
  Request own{.url = UrlOf(kHost, server)};
  own.connection = ConnectionUse::kOwn;
  for (int times = 0; times < 3; ++times) {
    const Result<Response> response = client->Send(own);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_NE(response->http_version, "3");
  }
  EXPECT_EQ(server.Record().connections, 3U);
  EXPECT_EQ(elsewhere.Record().connections, 0U);
}

// T5: a wildcard that covers more, or less, than it says.
TEST(Defects, AWildcardIsOneLabelDeep_S1_55) {
  const PolicyIndex policy = MakePolicy({{"*.m.test", {PinOf("leaf")}}}, Unlisted::kPki).value();
  EXPECT_EQ(KindOf(policy, "a.m.test"), Lookup::Kind::kRule);
  for (const char* const name : {"m.test", "a.b.m.test", "am.test", "m.test.evil.test"}) {
    EXPECT_EQ(KindOf(policy, name), Lookup::Kind::kUnlisted) << name;
  }
  // Not taken for "a.m.test", or for anything else.
  EXPECT_FALSE(MakePolicy({{"a.*.m.test", {PinOf("leaf")}}}, Unlisted::kPki));
}

// T6: a host and its wildcard that overwrite each other.
TEST(Defects, AHostAndItsWildcardAreTwoRules_S1_55) {
  const Pins pins = {{"d.test", {PinOf("leaf")}}, {"*.d.test", {PinOf("root")}}};
  const PolicyIndex policy = MakePolicy(pins, Unlisted::kPki).value();
  for (const auto& [name, pin] : {std::pair("d.test", "leaf"), std::pair("sub.d.test", "root")}) {
    const Lookup found = policy.Find(HostName::Parse(name).value(), 443);
    ASSERT_EQ(found.kind, Lookup::Kind::kRule) << name;
    ASSERT_EQ(found.rule.pin_count(), 1U);
    EXPECT_EQ(FormatPin(found.rule.pin(0).digest), PinOf(pin)) << name;
  }
}

// T7: pins of one client that another one inherits, or takes away.
TEST(Defects, ClientsShareNoPins_S1_38) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  const Result<Client> pinned = Client::Create(Meeting(server, PinnedTo("rogue-leaf")));
  const Result<Client> unpinned = Client::Create(Meeting(server));
  const Result<Client> other = Client::Create(Meeting(server, PinnedTo("leaf")));
  ASSERT_TRUE(pinned && unpinned && other);
  for (int times = 0; times < 2; ++times) {
    EXPECT_EQ(pinned->Get(UrlOf(kHost, server)).error().code, Code::kPinMismatch);
    const Result<Response> free = unpinned->Get(UrlOf(kHost, server));
    ASSERT_TRUE(free);
    EXPECT_EQ(free->connection.outcome, Outcome::kNotPinned);
    EXPECT_TRUE(other->Get(UrlOf(kHost, server)));
  }
}

// T8: pins that are none, taken at construction, and spellings that never match.
TEST(Defects, PinsThatAreNoneAreRefusedAtConstruction_S1_10) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  const std::string pin = PinOf("leaf");
  const std::string base64 = pin.substr(std::string_view("sha256/").size());
  const std::vector<std::string> wrong[] = {
      {}, {"not base64!!"}, {""}, {"sha256/"}, {"sha1/" + base64}, {base64.substr(1)}, {pin, "x"}};
  for (const std::vector<std::string>& pins : wrong) {
    const Result<Client> client = Client::Create(Meeting(server, {{std::string(kHost), pins}}));
    EXPECT_FALSE(client) << (pins.empty() ? "no pins" : pins.back());
  }
  for (const std::string& text : {pin, base64}) {
    const Result<Client> client = Client::Create(Meeting(server, {{std::string(kHost), {text}}}));
    ASSERT_TRUE(client) << text;
    const Result<Response> response = client->Get(UrlOf(kHost, server));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->connection.outcome, Outcome::kPinnedOk);
  }
}

// T9: another name or address by which a connection loses the pins of its URL.
TEST(Defects, OverridesOfNamesAndAddressesKeepTheUrlsPins_S1_55) {
  const lab::Server server = StartServer(Serving({"rogue-leaf"}));
  Options by_address = Meeting(server, PinnedTo("leaf"));
  by_address.connect_to.clear();
  by_address.resolve = {std::string(kHost) + ":" + std::to_string(server.port()) + ":127.0.0.1"};
  Options by_name = Meeting(server, PinnedTo("leaf"));
  by_name.connect_to = {std::string(kHost) + "::localhost:" + std::to_string(server.port())};
  Options by_interface = by_address;
  by_interface.interface = "127.0.0.1";
  for (const Options& options : {by_address, by_name, by_interface}) {
    const Result<Client> client = Client::Create(options);
    ASSERT_TRUE(client);
    const Result<Response> response = client->Get(UrlOf(kHost, server));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Code::kPinMismatch) << response.error().message;
    // Nor is there a header that makes another host of it.
    Request other{.url = UrlOf(kHost, server), .headers = {{"Host", "localhost"}}};
    EXPECT_EQ(client->Send(other).error().code, Code::kUsage);
  }
  EXPECT_EQ(server.Record().application_bytes, 0U);
}

// T11: connections of https and http of one host and port, taken for each other.
TEST(Defects, ClearAndTlsOfOnePortShareNoConnection_S1_55) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  Options options = Meeting(server);
  options.timeout = std::chrono::seconds(5);
  const Result<Client> client = Client::Create(std::move(options));
  ASSERT_TRUE(client);
  const std::string clear =
      "http://" + std::string(kHost) + ":" + std::to_string(server.port()) + "/";
  for (int times = 0; times < 2; ++times) {
    const Result<Response> secure = client->Get(UrlOf(kHost, server));
    ASSERT_TRUE(secure) << secure.error().message;
    EXPECT_EQ(secure->connection.tls_version, "TLSv1.3");
    EXPECT_FALSE(client->Get(clear));  // the server speaks TLS alone
  }
}

// T14: cookies that go to hosts, paths and schemes that they are not for, and outlive their end.
TEST(Defects, CookiesGoWhereTheyBelong_S1_36) {
  const lab::World world =
      lab::World::Make({.names = {"bank.co.uk", "a.bank.co.uk", "evil.co.uk"}});
  lab::ServerOptions setting;
  setting.identities = {world.Get("leaf")};
  setting.response =
      "HTTP/1.1 200 OK\r\nSet-Cookie: secure=1; Secure\r\nSet-Cookie: suffix=2; Domain=co.uk\r\n"
      "Set-Cookie: gone=3; Max-Age=0\r\nSet-Cookie: deep=4; Path=/deep\r\nSet-Cookie: own=5\r\n"
      "Set-Cookie: wide=6; Domain=bank.co.uk\r\nSet-Cookie: foreign=7; Domain=evil.co.uk\r\n"
      "Content-Length: 2\r\n\r\nok";
  lab::ServerOptions plain = setting;
  plain.response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  const lab::Server bank = StartServer(std::move(setting));
  const lab::Server others = StartServer(std::move(plain));
  ClearServer clear;
  Options options;
  options.trust = tls::LoadTrustStore({.system_roots = tls::SystemRoots::kNone,
                                       .certificates = {world.Get("root").certificate.der}})
                      .value();
  options.on_bad_pin = nullptr;
  options.cookies = Storage{};
  options.connect_to = {"::127.0.0.1:"};  // every host, at the port of its URL
  {
    const Result<Client> client = Client::Create(std::move(options));
    ASSERT_TRUE(client) << client.error().message;
    const auto get = [&](const std::string& url) {
      const Result<Response> response = client->Get(url);
      EXPECT_TRUE(response) << url << response.error().message;
    };
    get(UrlOf("bank.co.uk", bank));
    get(UrlOf("bank.co.uk", others, "/shallow"));
    get(UrlOf("bank.co.uk", others, "/deep/er"));
    get(UrlOf("a.bank.co.uk", others, "/sub"));
    get(UrlOf("evil.co.uk", others, "/evil"));
    get("http://bank.co.uk:" + std::to_string(clear.port()) + "/clear");
  }

  std::string received;
  for (const lab::ConnectionRecord& record : Settled(others, 3).details) {
    received += record.application_data;
  }
  // Request is what arrived for one path.
  const auto request = [&](std::string_view path) {
    const std::size_t at = received.find("GET " + std::string(path) + " ");
    if (at == std::string::npos) return std::string("there was no such request");
    return received.substr(at, received.find("\r\n\r\n", at) + 2 - at);
  };
  EXPECT_THAT(request("/shallow"), HasSubstr("secure=1"));
  EXPECT_THAT(request("/shallow"), HasSubstr("own=5"));
  for (const char* const cookie : {"suffix", "gone", "deep", "foreign"}) {
    EXPECT_THAT(request("/shallow"), Not(HasSubstr(cookie)));
  }
  EXPECT_THAT(request("/deep/er"), HasSubstr("deep=4"));
  EXPECT_THAT(request("/sub"), HasSubstr("Cookie: wide=6\r\n"));
  EXPECT_THAT(request("/evil"), Not(HasSubstr("Cookie")));
  EXPECT_THAT(clear.Received(), HasSubstr("own=5"));
  EXPECT_THAT(clear.Received(), Not(HasSubstr("secure")));
}

}  // namespace
}  // namespace cotter::client
