// SPDX-License-Identifier: Apache-2.0
//
// From hop to hop: redirects, attempts, bodies and what bounds them.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/served_client.h"
#include <cotter/client.h>

namespace cotter::client {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kOther = "localhost";

std::string RedirectTo(const std::string& location, int status = 302) {
  return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + location +
         "\r\nContent-Length: 5\r\n\r\nmoved";
}

lab::Server Redirecting(const std::string& location, int status = 302) {
  lab::ServerOptions options = Serving({"leaf"});
  options.response = RedirectTo(location, status);
  return StartServer(std::move(options));
}

std::string Received(const lab::Server& server, std::uint64_t connections = 1) {
  std::string all;
  for (const lab::ConnectionRecord& record : Settled(server, connections).details) {
    all += record.application_data;
  }
  return all;
}

Request WithSecrets(const std::string& url) {
  return {.method = "POST",
          .url = url,
          .headers = {{"Authorization", "Bearer secret"},
                      {"Cookie", "id=secret"},
                      {"X-Api-Key", "secret"},
                      {"Accept", "text/plain"}},
          .body = "the body"};
}

// S1-56: a redirect is followed; secrets stay with the origin that they were meant for.
TEST(Client, FollowsARedirectAndLeavesSecretsBehind_S1_56) {
  const lab::Server target = StartServer(Serving({"leaf"}));
  const lab::Server server = Redirecting(UrlOf(kOther, target, "/next"));
  {
    Options options = Meeting(server, PinnedTo("leaf"));
    const Result<Client> client = Client::Create(std::move(options));
    ASSERT_TRUE(client);
    const Result<Response> response = client->Send(WithSecrets(UrlOf(kHost, server)));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->redirects, 1U);
    EXPECT_EQ(response->url, UrlOf(kOther, target, "/next"));
    EXPECT_EQ(response->body, "hello\n");
  }
  EXPECT_THAT(Received(server), HasSubstr("secret"));
  const std::string received = Received(target);
  EXPECT_THAT(received, HasSubstr("GET /next HTTP/1.1"));
  EXPECT_THAT(received, HasSubstr("Accept: text/plain"));
  EXPECT_THAT(received, Not(HasSubstr("secret")));
  EXPECT_THAT(received, Not(HasSubstr("the body")));
}

// A URL is read once where the next request is for the same one; its credentials are not of it.
TEST(Client, GivesTheCredentialsOfAUrlToItsOwnRequestAlone_S1_56) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  const std::string url = UrlOf(kHost, server);
  const std::string secret = "https://user:pw@" + url.substr(std::string_view("https://").size());
  {
    const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
    for (const std::string& one : {secret, url, url, secret}) ASSERT_TRUE(client->Get(one));
  }
  const std::string received = Received(server);
  std::string order;
  for (std::size_t at = received.find("GET / "); at != std::string::npos;) {
    const std::size_t next = received.find("GET / ", at + 1);
    const std::string request = received.substr(at, next - at);
    order += request.find("Authorization: Basic dXNlcjpwdw==") == std::string::npos ? '-' : 'a';
    at = next;
  }
  EXPECT_EQ(order, "a--a");
}

// S1-56: 307 and 308 keep method and body (RFC 9110, 15.4.8).
TEST(Client, KeepsMethodAndBodyWhereTheStatusSaysSo) {
  const lab::Server target = StartServer(Serving({"leaf"}));
  const lab::Server server = Redirecting(UrlOf(kOther, target), 307);
  {
    const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
    ASSERT_TRUE(client->Send(WithSecrets(UrlOf(kHost, server))));
  }
  const std::string received = Received(target);
  EXPECT_THAT(received, HasSubstr("POST / HTTP/1.1"));
  EXPECT_THAT(received, HasSubstr("the body"));
}

// S1-56: the new host of a redirect is judged for itself, and not a byte reaches a bad one.
TEST(Client, JudgesTheHostThatARedirectLeadsTo_S1_56) {
  const lab::Server target = StartServer(Serving({"rogue-leaf"}));
  const lab::Server server = Redirecting(UrlOf(kOther, target));
  Pins pins = PinnedTo("leaf");
  pins[std::string(kOther)] = {PinOf("leaf")};
  const Result<Client> client = Client::Create(Meeting(server, pins));
  const Result<Response> response = client->Get(UrlOf(kHost, server));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kPinMismatch);
  EXPECT_EQ(Settled(target, 1).application_bytes, 0U);
}

// S1-56: https to http is refused, pinned or not. T10 of other clients.
TEST(Client, RefusesARedirectFromTlsToClear_S1_56) {
  lab::ServerOptions plain;
  plain.fault = lab::Fault::kPlainHttp;
  const lab::Server target = StartServer(std::move(plain));
  const lab::Server server = Redirecting("http://localhost:" + std::to_string(target.port()) + "/");
  const Result<Client> client = Client::Create(Meeting(server));
  EXPECT_EQ(client->Get(UrlOf(kHost, server)).error().code, Code::kRedirectRefused);
  EXPECT_EQ(target.Record().connections, 0U);
}

TEST(Client, EndsARedirectLoop) {
  const lab::Server server = Redirecting("/again");
  Options options = Meeting(server, PinnedTo("leaf"));
  options.max_redirects = 4;
  const Result<Client> client = Client::Create(std::move(options));
  const Result<Response> response = client->Get(UrlOf(kHost, server));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kRedirectRefused);
}

TEST(Client, RefusesALocationThatIsNoUrl) {
  for (const char* const location :
       {"ftp://localhost/", "https://", "//user@localhost/", "javascript:alert(1)", "https://a..b/",
        "file:///etc/passwd"}) {
    const lab::Server server = Redirecting(location);
    const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
    const Result<Response> response = client->Get(UrlOf(kHost, server));
    ASSERT_FALSE(response) << location;
    EXPECT_EQ(response.error().code, Code::kRedirectRefused) << location;
  }
}

TEST(Client, GivesTheRedirectItselfWhereNoneIsFollowed) {
  const lab::Server server = Redirecting("/elsewhere");
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
  const Result<Response> response = client->Send({.url = UrlOf(kHost, server), .max_redirects = 0});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->body, "moved");
}

// S1-32: what may go away by itself is tried again, with growing delays, as often as was asked.
TEST(Client, RetriesABusyServerAndGivesItsLastAnswer_S1_32) {
  lab::ServerOptions busy = Serving({"leaf"});
  busy.response = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
  const lab::Server server = StartServer(std::move(busy));
  Options options = Meeting(server, PinnedTo("leaf"));
  options.retry = {.attempts = 3, .first_delay = milliseconds(1)};
  const Result<Client> client = Client::Create(std::move(options));
  const Result<Response> response = client->Get(UrlOf(kHost, server));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->body, "busy");
  EXPECT_EQ(response->attempts, 3U);
}

TEST(Client, NeverRepeatsWhatChangesSomethingAndMayHaveArrived_S1_32) {
  lab::ServerOptions closing = Serving({"leaf"});
  closing.fault = lab::Fault::kReset;
  closing.phase = lab::Phase::kAfterHandshake;
  const lab::Server server = StartServer(std::move(closing));
  Options options = Meeting(server, PinnedTo("leaf"));
  options.retry = {.attempts = 3, .first_delay = milliseconds(1)};
  const Result<Client> client = Client::Create(std::move(options));
  const Result<Response> posted = client->Post(UrlOf(kHost, server), "text/plain", "once");
  ASSERT_FALSE(posted);
  EXPECT_TRUE(IsRetryable(posted.error()));
  EXPECT_EQ(Settled(server, 1).connections, 1U);
  EXPECT_FALSE(client->Get(UrlOf(kHost, server)));
  EXPECT_EQ(Settled(server, 4).connections, 4U);
}

// Nor does libcurl, which takes a kept connection that ends without an answer for one that was
// dead.
TEST(Client, NeverRepeatsItOnAnotherConnectionEither_S1_32) {
  // The server reads a header of this size, and ends the connection.
  const std::vector<Header> endless = {{"X-Endless", std::string(100'000, 'x')}};
  for (const std::string method : {"POST", "PATCH", "GET"}) {
    const lab::Server server = StartServer(Serving({"leaf"}));
    Options options = Meeting(server, PinnedTo("leaf"));
    options.retry = {.attempts = 3, .first_delay = milliseconds(1)};
    const Result<Client> client = Client::Create(std::move(options));
    ASSERT_TRUE(client->Get(UrlOf(kHost, server, "/first")));
    const Result<Response> sent = client->Send(
        {.method = method, .url = UrlOf(kHost, server, "/endless"), .headers = endless});
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, Code::kConnectionClosed) << sent.error().message;
    const std::string received = Received(server);
    const std::size_t first = received.find(method + " /endless");
    ASSERT_NE(first, std::string::npos);
    const bool repeated = received.find(method + " /endless", first + 1) != std::string::npos;
    EXPECT_EQ(repeated, method == "GET") << method;
  }
}

// What follows a body is no head, however it looks: the answer that was delivered is the answer.
TEST(Client, TakesATrailerForNoSecondAnswer) {
  lab::ServerOptions options = Serving({"leaf"});
  options.response =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
      "HTTP/1.1: 302 Found\r\nLocation: /elsewhere\r\n\r\n";
  const lab::Server server = StartServer(std::move(options));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
  const Result<Response> response = client->Get(UrlOf(kHost, server));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "ok");
  EXPECT_EQ(response->redirects, 0U);
  EXPECT_EQ(response->FindHeader("location"), std::nullopt);
}

// S1-12: one deadline for the whole request, in milliseconds, and none with 0.
TEST(Client, EndsASilentServersRequestInTime_S1_12) {
  for (const lab::Phase phase :
       {lab::Phase::kOnAccept, lab::Phase::kMidHandshake, lab::Phase::kAfterHandshake}) {
    lab::ServerOptions silent = Serving({"leaf"});
    silent.fault = lab::Fault::kSilence;
    silent.phase = phase;
    const lab::Server server = StartServer(std::move(silent));
    Options options = Meeting(server, PinnedTo("leaf"));
    options.timeout = milliseconds(200);
    const Result<Client> client = Client::Create(std::move(options));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(client->Get(UrlOf(kHost, server)).error().code, Code::kRequestTimeout);
    EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(190));
  }
  EXPECT_EQ(Options{}.timeout, std::chrono::seconds(30));
}

// Whatever goes wrong, wherever, the request ends with a typed error, and nothing was let through.
// T15 and T17 of other clients: there is a response or an error, and no second try without TLS.
TEST(Client, EndsWithATypedErrorWhateverGoesWrong) {
  using lab::Fault;
  using lab::Phase;
  for (const Fault fault : {Fault::kClose, Fault::kReset, Fault::kGarbage, Fault::kPlainHttp}) {
    for (const Phase phase :
         {Phase::kOnAccept, Phase::kBeforeTls, Phase::kMidHandshake, Phase::kAfterHandshake}) {
      lab::ServerOptions broken = Serving({"leaf"});
      broken.fault = fault;
      broken.phase = phase;
      const lab::Server server = StartServer(std::move(broken));
      Options options = Meeting(server, PinnedTo("leaf"));
      options.timeout = milliseconds(300);
      options.max_body_bytes = 1 << 20;
      const Result<Client> client = Client::Create(std::move(options));
      const Result<Response> response = client->Get(UrlOf(kHost, server));
      ASSERT_FALSE(response) << static_cast<int>(fault) << static_cast<int>(phase);
      EXPECT_NE(response.error().code, Code::kInternal) << response.error().message;
      EXPECT_NE(response.error().code, Code::kPinMismatch);
      EXPECT_FALSE(response.error().message.empty());
      if (phase != Phase::kAfterHandshake) {
        EXPECT_EQ(server.Record().connections, 1U);
        EXPECT_EQ(server.Record().application_bytes, 0U);
      }
    }
  }
}

TEST(Client, BoundsABodyThatNeverEnds) {
  lab::ServerOptions endless = Serving({"leaf"});
  endless.fault = lab::Fault::kEndless;
  endless.phase = lab::Phase::kAfterHandshake;
  const lab::Server server = StartServer(std::move(endless));
  Options options = Meeting(server, PinnedTo("leaf"));
  options.max_body_bytes = 100'000;
  const Result<Client> client = Client::Create(std::move(options));
  EXPECT_EQ(client->Get(UrlOf(kHost, server)).error().code, Code::kBodyTooLarge);
}

TEST(Client, BoundsAHeaderThatNeverEnds) {
  lab::ServerOptions wide = Serving({"leaf"});
  wide.response = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 5000; ++i) wide.response += "X-Filler: " + std::string(100, 'x') + "\r\n";
  wide.response += "Content-Length: 0\r\n\r\n";
  const lab::Server server = StartServer(std::move(wide));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
  const Result<Response> response = client->Get(UrlOf(kHost, server));
  ASSERT_FALSE(response);
}

// S1-37: a body comes in pieces, on the thread that waits; false ends it.
TEST(Client, StreamsABodyIntoASink_S1_37) {
  lab::ServerOptions large = Serving({"leaf"});
  const std::string body(3'000'000, 'b');
  large.response =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  const lab::Server server = StartServer(std::move(large));
  Options options = Meeting(server, PinnedTo("leaf"));
  options.max_body_bytes = 10;  // of bodies in memory alone
  const Result<Client> client = Client::Create(std::move(options));
  std::string got;
  std::uint64_t seen = 0;
  Request request{.url = UrlOf(kHost, server)};
  request.sink = [&](ByteView bytes) {
    got += AsText(bytes);
    return true;
  };
  request.progress = [&](const Progress& progress) { seen = progress.received; };
  const Result<Response> response = client->Send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(got, body);
  EXPECT_EQ(seen, body.size());
  EXPECT_TRUE(response->body.empty());

  request.sink = [&](ByteView) { return false; };
  EXPECT_EQ(client->Send(request).error().code, Code::kCancelled);
  request.sink = [&](ByteView) -> bool { throw std::runtime_error("full"); };
  EXPECT_EQ(client->Send(request).error().code, Code::kCancelled);
}

TEST(Client, StreamsABodyFromASource_S1_37) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  {
    const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
    int left = 5;
    Request request{.method = "PUT", .url = UrlOf(kHost, server)};
    request.source_size = 50;
    request.source = [&](std::span<std::uint8_t> buffer) -> std::size_t {
      if (left-- <= 0) return 0;
      std::fill_n(buffer.begin(), 10, std::uint8_t{'s'});
      return 10;
    };
    const Result<Response> response = client->Send(request);
    ASSERT_TRUE(response) << response.error().message;
  }
  const std::string received = Received(server);
  EXPECT_THAT(received, HasSubstr("Content-Length: 50"));
  EXPECT_THAT(received, HasSubstr(std::string(50, 's')));
}

// The header of a request without any of the caller's is written once for all of them: it says what
// libcurl says of itself.
TEST(Client, AnnouncesTheSameCodingsWithAndWithoutHeaders) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  {
    const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
    ASSERT_TRUE(client->Get(UrlOf(kHost, server)));
    ASSERT_TRUE(client->Send({.url = UrlOf(kHost, server), .headers = {{"X-Any", "1"}}}));
  }
  const std::string received = Received(server);
  const std::string name = "\r\nAccept-Encoding: ";
  const std::size_t first = received.find(name);
  const std::size_t second = received.find(name, first + 1);
  ASSERT_NE(second, std::string::npos) << received;
  EXPECT_EQ(received.find(name, second + 1), std::string::npos) << received;
  const auto line = [&](std::size_t at) {
    return received.substr(at, received.find("\r\n", at + 2) - at);
  };
  EXPECT_EQ(line(first), line(second));
  EXPECT_THAT(line(first), HasSubstr("gzip"));
}

// S1-16: nothing can be smuggled into a request by its parts.
TEST(Client, RefusesRequestsThatAreNone_S1_16) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
  const std::string url = UrlOf(kHost, server);
  const Request bad[] = {
      {.method = "GET / HTTP/1.1\r\nX: y", .url = url},
      {.method = "", .url = url},
      {.url = url, .headers = {{"X", "a\r\nAuthorization: b"}}},
      {.url = url, .headers = {{"X\r\nY", "a"}}},
      {.url = url, .headers = {{"Host", "other.example.com"}}},
      {.url = url, .headers = {{"Content-Length", "5"}}},
      {.url = url, .headers = {{"Proxy-Authorization", "Basic x"}}},
      {.url = "ftp://api.example.com/"},
      {.url = "api.example.com"},
      {.url = "https://"},
      {.url = "https://api.example.com:0/"},
      {.url = "https://api.example.com:99999/"},
      {.url = "https://api.example.com/a b"},
      {.url = "https://a..b/"},
      {.url = "https://1.2.3/"},
  };
  for (const Request& request : bad) {
    EXPECT_FALSE(client->Send(request)) << request.method << " " << request.url;
  }
  EXPECT_EQ(server.Record().connections, 0U);
}

// S3-03: the negotiated version is told, and the modern profile takes none below 1.3.
TEST(Client, SpeaksNothingBelowItsProfile_S1_13_S3_03) {
  lab::ServerOptions older = Serving({"leaf"});
  older.max_version = lab::TlsVersion::kTls12;
  const lab::Server server = StartServer(std::move(older));
  Options options = Meeting(server, PinnedTo("leaf"));
  const Result<Client> intermediate = Client::Create(options);
  const Result<Response> response = intermediate->Get(UrlOf(kHost, server));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->connection.tls_version, "TLSv1.2");

  options.profile = Profile::kModern;
  const Result<Client> modern = Client::Create(options);
  EXPECT_FALSE(modern->Get(UrlOf(kHost, server)));

  // No process of the tests runs on a FIPS provider.
  options.profile = Profile::kFips;
  const Result<Client> fips = Client::Create(options);
  ASSERT_FALSE(fips);
  EXPECT_EQ(fips.error().code, Code::kFipsUnavailable);
}

// RFC 6797: a host that asked for TLS is not asked without it any more.
TEST(Client, TurnsToTlsWhereAHostDemandedIt) {
  lab::ServerOptions strict = Serving({"leaf"});
  strict.response =
      "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1000\r\nContent-Length: 2\r\n\r\nok";
  const lab::Server server = StartServer(std::move(strict));
  const Result<Client> client = Client::Create(Meeting(server));
  ASSERT_TRUE(client->Get(UrlOf(kHost, server)));
  const std::string clear = "http://api.example.com:" + std::to_string(server.port()) + "/";
  const Result<Response> response = client->Get(clear);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->url, UrlOf(kHost, server));
  EXPECT_EQ(response->connection.tls_version, "TLSv1.3");
}

// S1-36: a cookie goes back to the host that set it and to no other, and survives in a file.
TEST(Client, KeepsCookiesByTheirDomain_S1_36) {
  lab::ServerOptions setting = Serving({"leaf"});
  setting.response =
      "HTTP/1.1 200 OK\r\nSet-Cookie: own=1; Secure; Path=/\r\n"
      "Set-Cookie: wide=2; Domain=com\r\nContent-Length: 2\r\n\r\nok";
  const lab::Server server = StartServer(std::move(setting));
  const lab::Server other = StartServer(Serving({"leaf"}));
  {
    Options options = Meeting(server, PinnedTo("leaf"));
    options.cookies = Storage{};
    const Result<Client> client = Client::Create(std::move(options));
    ASSERT_TRUE(client->Get(UrlOf(kHost, server)));
    ASSERT_TRUE(client->Get(UrlOf(kHost, server)));
    ASSERT_TRUE(client->Get(UrlOf(kOther, other)));
  }
  const std::string received = Received(server);
  EXPECT_THAT(received, HasSubstr("Cookie: own=1"));
  EXPECT_THAT(received, Not(HasSubstr("wide=2")));
  EXPECT_THAT(Received(other), Not(HasSubstr("Cookie")));
}

}  // namespace
}  // namespace cotter::client
