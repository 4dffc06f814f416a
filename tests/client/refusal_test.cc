// SPDX-License-Identifier: Apache-2.0
//
// What a request comes to when the pins do not hold: nothing of the caller's leaves, on the first
// connection and on every later one, and the error says what was found.
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/served_client.h"
#include <cotter/client.h>

namespace cotter::client {
namespace {

using testing::HasSubstr;

Request Secret(const std::string& url) {
  return {.method = "POST",
          .url = url,
          .headers = {{"Authorization", "Bearer secret-token"}, {"Cookie", "id=secret-cookie"}},
          .body = "secret body"};
}

// S1-01, S1-10, S1-16, S2-09: options at construction, and what a response tells of its connection.
TEST(Client, GetsFromAPinnedServerAndTellsOfTheConnection_S1_10_S1_14_S1_16_S2_09) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("intermediate")));
  ASSERT_TRUE(client) << client.error().message;

  const Result<Response> response = client->Get(UrlOf(kHost, server));

  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello\n");
  EXPECT_EQ(response->FindHeader("content-TYPE"), "text/plain");
  const ConnectionFacts& facts = response->connection;
  EXPECT_EQ(facts.outcome, Outcome::kPinnedOk);
  EXPECT_EQ(facts.tls_version, "TLSv1.3");
  EXPECT_EQ(facts.peer, server.authority());
  EXPECT_FALSE(facts.reused);
  EXPECT_FALSE(facts.backup_pin);
  ASSERT_TRUE(facts.match);
  EXPECT_EQ(FormatPin(facts.match->pin.digest), PinOf("intermediate"));
  ASSERT_EQ(facts.path.size(), 3U);
  EXPECT_EQ(FormatPin(facts.path[0]), PinOf("leaf"));
  EXPECT_EQ(FormatPin(facts.path[2]), PinOf("root"));
}

// S1-17, S1-31, S1-30, S3-01, S3-53: the typed error, its exact text, and no byte for the server.
// T1 of other clients: what is presented is no evidence.
TEST(Client, RefusesAnUnpinnedServerBeforeAnythingLeaves_S1_17_S1_31_S3_53) {
  lab::ServerOptions options = Serving({"rogue-leaf"});
  // The rogue server appends the genuine certificates to its own.
  options.identities[0].chain.push_back(World().Get("intermediate").certificate);
  options.identities[0].chain.push_back(World().Get("root").certificate);
  const lab::Server server = StartServer(std::move(options));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("intermediate")));
  ASSERT_TRUE(client);

  const Result<Response> response = client->Send(Secret(UrlOf(kHost, server)));

  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kPinMismatch);
  EXPECT_EQ(response.error().message, "bad ssl pin detected, found pins: [" + PinOf("rogue-leaf") +
                                          " " + PinOf("rogue-root") + "]");
  EXPECT_FALSE(IsRetryable(response.error()));
  const lab::ServerRecord record = Settled(server, 1);
  EXPECT_EQ(record.connections, 1U);
  EXPECT_EQ(record.handshakes_completed, 0U);
  EXPECT_EQ(record.application_bytes, 0U);
}

// S1-11, S1-24, S1-26, S1-34: first or later, with the request and the real peer, before the error.
// T4 of other clients: told of the first connection alone.
TEST(Client, TellsTheHandlerOfEveryFailingConnection_S1_11_S1_24_S1_26_S1_34) {
  lab::ServerOptions serving = Serving({"leaf"});
  serving.resumption = lab::Resumption::kOff;  // a session would still be the genuine server's
  lab::Server server = StartServer(std::move(serving));
  std::vector<BadPin> told;
  Options options = Meeting(server, PinnedTo("leaf"));
  options.on_bad_pin = [&](const BadPin& bad) { told.push_back(bad); };
  const Result<Client> client = Client::Create(std::move(options));
  ASSERT_TRUE(client);
  Request own = Secret(UrlOf(kHost, server, "/a?key=secret"));
  own.connection = ConnectionUse::kOwn;
  ASSERT_TRUE(client->Send(own));
  ASSERT_TRUE(server.Present({World().Get("rogue-leaf")}));

  for (std::size_t times = 1; times <= 3; ++times) {
    const Result<Response> response = client->Send(own);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Code::kPinMismatch);
    ASSERT_EQ(told.size(), times);
  }

  EXPECT_EQ(told[2].method, "POST");
  EXPECT_EQ(told[2].url, UrlOf(kHost, server, "/a?key=secret"));
  EXPECT_EQ(told[2].headers, own.headers);
  EXPECT_EQ(told[2].event.host, kHost);
  EXPECT_EQ(told[2].event.port, server.port());
  EXPECT_EQ(told[2].event.peer, server.authority());
  ASSERT_EQ(told[2].event.found.size(), 2U);
  EXPECT_EQ(FormatPin(told[2].event.found[0]), PinOf("rogue-leaf"));
  // The certificates, for reports (S1-35): as served, and as verified with the root.
  const lab::Identity& rogue = World().Get("rogue-leaf");
  ASSERT_EQ(told[2].event.served_chain.size(), 1 + rogue.chain.size());
  EXPECT_EQ(told[2].event.served_chain[0], rogue.certificate.der);
  ASSERT_EQ(told[2].event.validated_chain.size(), 2U);
  EXPECT_EQ(told[2].event.validated_chain[1], World().Get("rogue-root").certificate.der);
  // What may be kept of it holds no secret.
  ASSERT_TRUE(told[2].event.request);
  EXPECT_EQ(told[2].event.request->url.find("secret"), std::string::npos);
  for (const Header& header : told[2].event.request->headers) {
    EXPECT_EQ(header.value.find("secret"), std::string::npos) << header.name;
  }
}

// S1-27, S1-30: what a handler does changes nothing; it may throw, and call the client.
TEST(Client, LetsTheHandlerChangeNothing_S1_27_S1_30) {
  const lab::Server server = StartServer(Serving({"rogue-leaf"}));
  const lab::Server other = StartServer(Serving({"leaf"}));
  std::optional<Client> client;
  int calls = 0;
  Options options = Meeting(server, PinnedTo("leaf"));
  options.connect_to.push_back(ConnectTo("localhost", other));
  options.on_bad_pin = [&](const BadPin&) {
    ++calls;
    EXPECT_TRUE(client->Get(UrlOf("localhost", other)));
    throw std::runtime_error("from the handler");
  };
  client = Client::Create(std::move(options)).value();

  const Result<Response> response = client->Get(UrlOf(kHost, server));

  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kPinMismatch);
  EXPECT_EQ(calls, 1);
}

// S1-28: exactly this line. S1-29: null is allowed, and the request fails all the same.
TEST(Client, HasADefaultHandlerThatPrintsOneLine_S1_28_S1_29) {
  const lab::Server server = StartServer(Serving({"rogue-leaf"}));
  Options options = Meeting(server, PinnedTo("leaf"));
  options.on_bad_pin = Options{}.on_bad_pin;
  const Result<Client> client = Client::Create(std::move(options));
  ASSERT_TRUE(client);

  testing::internal::CaptureStdout();
  const Result<Response> response = client->Get(UrlOf(kHost, server));

  EXPECT_EQ(testing::internal::GetCapturedStdout(), "this is the default bad pin handler\n");
  EXPECT_FALSE(response);
}

// S1-32: retries are for what may go away by itself, and a refusal does not.
TEST(Client, NeverRetriesARefusal_S1_32) {
  const lab::Server server = StartServer(Serving({"rogue-leaf"}));
  Options options = Meeting(server, PinnedTo("leaf"));
  options.retry = {.attempts = 5, .first_delay = std::chrono::milliseconds(1)};
  const Result<Client> client = Client::Create(std::move(options));
  ASSERT_TRUE(client);

  EXPECT_EQ(client->Get(UrlOf(kHost, server)).error().code, Code::kPinMismatch);
  EXPECT_EQ(Settled(server, 1).connections, 1U);
}

// S3-02: pins complement PKI: the pinned key in a certificate that does not verify is refused.
TEST(Client, RefusesAPinnedKeyWithoutPki_S3_02) {
  for (const char* const identity : {"expired", "wrong-host", "self-signed"}) {
    const lab::Server server = StartServer(Serving({identity}));
    const Result<Client> client = Client::Create(Meeting(server, PinnedTo(identity)));
    ASSERT_TRUE(client);
    const Result<Response> response = client->Send(Secret(UrlOf(kHost, server)));
    ASSERT_FALSE(response) << identity;
    EXPECT_NE(response.error().code, Code::kPinMismatch);
    EXPECT_FALSE(IsRetryable(response.error()));
    EXPECT_EQ(Settled(server, 1).application_bytes, 0U) << identity;
  }
}

// S1-55: without a rule PKI decides; a strict client refuses what no rule names.
TEST(Client, LeavesUnlistedHostsToPkiUnlessToldOtherwise_S1_55) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  Options options = Meeting(server, {{"other.example.com", {PinOf("leaf")}}});
  const Result<Client> lenient = Client::Create(options);
  ASSERT_TRUE(lenient);
  const Result<Response> response = lenient->Get(UrlOf(kHost, server));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->connection.outcome, Outcome::kNotPinned);

  options.unlisted = Unlisted::kRefuse;
  const Result<Client> strict = Client::Create(options);
  ASSERT_TRUE(strict);
  EXPECT_EQ(strict->Get(UrlOf(kHost, server)).error().code, Code::kUnlistedRefused);
}

// S1-55: a pinned host is never spoken to in clear, on whatever port. T10 of other clients.
TEST(Client, NeverSpeaksToAPinnedHostInClear_S1_55) {
  lab::ServerOptions plain;
  plain.fault = lab::Fault::kPlainHttp;
  const lab::Server server = StartServer(std::move(plain));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
  ASSERT_TRUE(client);
  for (const std::string host : {"api.example.com", "API.example.com", "api.example.com."}) {
    const Result<Response> response =
        client->Send(Secret("http://" + host + ":" + std::to_string(server.port()) + "/"));
    ASSERT_FALSE(response) << host;
    EXPECT_EQ(response.error().code, Code::kCleartextRefused) << host;
  }
  EXPECT_EQ(server.Record().connections, 0U);
}

// The spelling of a host changes nothing (T3 of other clients).
TEST(Client, HoldsEverySpellingOfAHostAgainstItsPins) {
  const lab::Server server = StartServer(Serving({"rogue-leaf"}));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
  ASSERT_TRUE(client);
  for (const char* const host : {"API.example.com", "api.example.com.", "%61pi.example.com"}) {
    const Result<Response> response = client->Get(UrlOf(host, server));
    ASSERT_FALSE(response) << host;
    EXPECT_EQ(response.error().code, Code::kPinMismatch) << host << response.error().message;
  }
}

// S1-18: refused whichever was set first, with this text; and there is no client without pins that
// does not verify either.
TEST(Client, RefusesPinsTogetherWithSkippedVerification_S1_18) {
  Options pins_first;
  pins_first.pins = PinnedTo("leaf");
  pins_first.insecure_skip_verify = true;
  Options skip_first;
  skip_first.insecure_skip_verify = true;
  skip_first.policy =
      HoldPolicy(std::make_shared<const PolicyIndex>(PolicyIndex::Build({}).value()));
  for (const Options& options : {pins_first, skip_first}) {
    const Result<Client> client = Client::Create(options);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, Code::kUsage);
    EXPECT_EQ(client.error().message,
              "invalid config: certificate pinning cannot be used with insecure skip verify");
  }
  Options unpinned;
  unpinned.insecure_skip_verify = true;
  EXPECT_FALSE(Client::Create(unpinned));
}

}  // namespace
}  // namespace cotter::client
