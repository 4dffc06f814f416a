// SPDX-License-Identifier: Apache-2.0
//
// Connections to servers that behave, and to every kind that does not. All of the hostile ones must
// end with their code before the server itself gives up.
#include "net/tls_stream.h"

#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/server.h"
#include "lab/world.h"
#include "net/starttls.h"

namespace cotter::net {
namespace {

using namespace std::chrono_literals;

const lab::World& World() {
  static const lab::World world = lab::World::Make({});
  return world;
}

// A client that trusts the World's root and wants api.example.com.
SslPtr MakeSsl() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  const Bytes& der = World().Get("root").certificate.der;
  const unsigned char* from = der.data();
  X509* root = d2i_X509(nullptr, &from, static_cast<long>(der.size()));
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root);
  X509_free(root);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SslPtr ssl(SSL_new(context));
  SSL_set1_host(ssl.get(), "api.example.com");
  SSL_CTX_free(context);
  return ssl;
}

lab::ServerOptions Sound() {
  lab::ServerOptions options;
  options.identities = {World().Get("leaf")};
  return options;
}

// What came of one connection.
struct Attempt {
  std::optional<Code> failure;
  std::string message;
  std::string version;
  PresentedChain presented;
  std::chrono::steady_clock::duration took{};
};

// Speaks `preamble` over `socket` to its end.
Result<void> Speak(Socket& socket, Preamble& preamble, Deadline deadline) {
  Result<void> sent = socket.WriteAll(AsBytes(preamble.Opening()), deadline);
  Dialogue dialogue(preamble);
  std::array<std::uint8_t, 4096> chunk;
  while (sent) {
    const Result<std::size_t> count = socket.Read(chunk, deadline);
    if (!count) return count.error();
    if (*count == 0) return ClosedBeforeTls();
    const Result<Dialogue::Turn> turn = dialogue.Take(ByteView(chunk).first(*count));
    if (!turn) return turn.error();
    sent = socket.WriteAll(AsBytes(turn->send), deadline);
    if (turn->ready) break;
  }
  return sent;
}

Attempt Connect(const lab::Server& server, Starttls starttls, std::chrono::milliseconds timeout) {
  const auto begun = std::chrono::steady_clock::now();
  Attempt attempt;
  const Deadline deadline = Deadline::After(timeout);
  const auto end = [&](const Error& error) {
    attempt.failure = error.code;
    attempt.message = error.message;
    attempt.took = std::chrono::steady_clock::now() - begun;
    return attempt;
  };
  Result<Socket> socket = Socket::Connect(*Address::FromText("127.0.0.1", server.port()), deadline);
  if (!socket) return end(socket.error());
  if (const auto preamble = MakeStarttls(starttls, "api.example.com")) {
    if (const Result<void> spoken = Speak(*socket, *preamble, deadline); !spoken) {
      return end(spoken.error());
    }
  }
  TlsStream stream(*std::move(socket), MakeSsl());
  const Result<void> shaken = stream.Handshake(deadline);
  attempt.presented = stream.presented();
  if (!shaken) return end(shaken.error());
  attempt.version = stream.version();
  stream.Close();
  return attempt;
}

TEST(TlsStream, TellsVersionAndTheChainAsItWasSent) {
  for (const lab::TlsVersion version : {lab::TlsVersion::kTls12, lab::TlsVersion::kTls13}) {
    lab::ServerOptions options = Sound();
    options.min_version = options.max_version = version;
    Result<lab::Server> server = lab::Server::Start(options);
    ASSERT_TRUE(server);
    const Attempt attempt = Connect(*server, Starttls::kNone, 10s);
    EXPECT_FALSE(attempt.failure) << attempt.message;
    EXPECT_EQ(attempt.version, version == lab::TlsVersion::kTls12 ? "TLSv1.2" : "TLSv1.3");
    const lab::Identity& leaf = World().Get("leaf");
    std::vector<Bytes> sent{leaf.certificate.der};
    for (const lab::Certificate& issuer : leaf.chain) sent.push_back(issuer.der);
    EXPECT_EQ(attempt.presented.certificates, sent);
  }
}

TEST(TlsStream, CarriesDataBothWays) {
  Result<lab::Server> server = lab::Server::Start(Sound());
  ASSERT_TRUE(server);
  const Deadline deadline = Deadline::After(10s);
  Result<Socket> socket =
      Socket::Connect(*Address::FromText("127.0.0.1", server->port()), deadline);
  ASSERT_TRUE(socket);
  TlsStream stream(*std::move(socket), MakeSsl());
  ASSERT_TRUE(stream.Handshake(deadline));
  ASSERT_TRUE(
      stream.WriteAll(AsBytes("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n"), deadline));
  std::string received;
  std::array<std::uint8_t, 512> chunk;
  while (!received.ends_with("hello\n")) {
    const Result<std::size_t> count = stream.Read(chunk, deadline);
    ASSERT_TRUE(count) << count.error().message;
    ASSERT_GT(*count, 0U);
    received.append(AsText(ByteView(chunk).first(*count)));
  }
  EXPECT_TRUE(received.starts_with("HTTP/1.1 200 OK"));
}

TEST(TlsStream, KeepsTheChainOfAServerThatDoesNotVerify) {
  lab::ServerOptions options = Sound();
  options.identities = {World().Get("wrong-host")};
  Result<lab::Server> server = lab::Server::Start(options);
  ASSERT_TRUE(server);
  const Attempt attempt = Connect(*server, Starttls::kNone, 10s);
  EXPECT_EQ(attempt.failure, Code::kPkiError);
  ASSERT_FALSE(attempt.presented.certificates.empty());
  EXPECT_EQ(attempt.presented.certificates.front(), World().Get("wrong-host").certificate.der);
}

struct HostileRow {
  lab::Fault fault;
  lab::Phase phase;
  Code expected;
};

class HostileTest : public testing::TestWithParam<HostileRow> {};

TEST_P(HostileTest, EndsInTimeWithItsCode) {
  lab::ServerOptions options = Sound();
  options.fault = GetParam().fault;
  options.phase = GetParam().phase;
  options.deadline = 60s;
  Result<lab::Server> server = lab::Server::Start(options);
  ASSERT_TRUE(server);
  const Attempt attempt = Connect(*server, Starttls::kNone, 700ms);
  ASSERT_TRUE(attempt.failure.has_value());
  EXPECT_EQ(NameOf(*attempt.failure), NameOf(GetParam().expected)) << attempt.message;
  EXPECT_LT(attempt.took, options.deadline / 4);
}

using lab::Fault;
using lab::Phase;

INSTANTIATE_TEST_SUITE_P(
    Table, HostileTest,
    testing::Values(HostileRow{Fault::kSilence, Phase::kOnAccept, Code::kConnectTimeout},
                    HostileRow{Fault::kSilence, Phase::kMidHandshake, Code::kConnectTimeout},
                    HostileRow{Fault::kClose, Phase::kOnAccept, Code::kConnectionClosed},
                    HostileRow{Fault::kClose, Phase::kMidHandshake, Code::kConnectionClosed},
                    HostileRow{Fault::kHalfClose, Phase::kOnAccept, Code::kConnectionClosed},
                    HostileRow{Fault::kHalfClose, Phase::kMidHandshake, Code::kConnectionClosed},
                    HostileRow{Fault::kReset, Phase::kOnAccept, Code::kConnectionClosed},
                    HostileRow{Fault::kReset, Phase::kMidHandshake, Code::kConnectionClosed},
                    HostileRow{Fault::kGarbage, Phase::kOnAccept, Code::kNotTls},
                    HostileRow{Fault::kGarbage, Phase::kMidHandshake, Code::kTlsFailed},
                    HostileRow{Fault::kPlainHttp, Phase::kOnAccept, Code::kNotTls},
                    HostileRow{Fault::kEndless, Phase::kOnAccept, Code::kNotTls},
                    HostileRow{Fault::kEndless, Phase::kMidHandshake, Code::kTlsFailed}));

TEST(TlsStream, GivesUpOnAServerThatDribbles) {
  lab::ServerOptions options = Sound();
  options.dribble = 20ms;
  Result<lab::Server> server = lab::Server::Start(options);
  ASSERT_TRUE(server);
  EXPECT_EQ(Connect(*server, Starttls::kNone, 700ms).failure, Code::kConnectTimeout);
}

// What it costs in memory is measured on the program alone, in tests/probe/hostile_servers_test.py.
TEST(TlsStream, RefusesMoreCertificatesThanAPathMayHold) {
  for (const lab::TlsVersion version : {lab::TlsVersion::kTls12, lab::TlsVersion::kTls13}) {
    for (const std::size_t count : {17U, 1'000U}) {
      lab::ServerOptions options = Sound();
      options.min_version = options.max_version = version;
      const lab::Certificate filler = World().Get("intermediate").certificate;
      options.identities.front().chain.assign(count, filler);
      Result<lab::Server> server = lab::Server::Start(options);
      ASSERT_TRUE(server);
      const Attempt attempt = Connect(*server, Starttls::kNone, 20s);
      EXPECT_EQ(attempt.failure, Code::kChainTooLong) << attempt.message;
      EXPECT_LE(attempt.presented.certificates.size(), kMaxPathLength);
    }
  }
}

TEST(TlsStream, NothingListensIsRefused) {
  Result<lab::Server> server = lab::Server::Start(Sound());
  ASSERT_TRUE(server);
  const std::uint16_t port = server->port();
  server->Stop();
  const Result<Socket> socket =
      Socket::Connect(*Address::FromText("127.0.0.1", port), Deadline::After(10s));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Code::kConnectRefused);
}

TEST(Socket, IsClosedOnExecAndNeverRaisesSigpipe) {
  std::signal(SIGPIPE, SIG_DFL);
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  Socket socket(ends[0]);
  close(ends[1]);
  const Result<void> sent = socket.WriteAll(AsBytes("x"), Deadline::After(1s));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::kConnectionClosed);
  Result<lab::Server> server = lab::Server::Start(Sound());
  ASSERT_TRUE(server);
  Result<Socket> connected =
      Socket::Connect(*Address::FromText("127.0.0.1", server->port()), Deadline::After(10s));
  ASSERT_TRUE(connected);
  EXPECT_EQ(fcntl(connected->fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

struct StarttlsRow {
  Starttls client;
  lab::Starttls server;
};

class StarttlsServerTest : public testing::TestWithParam<StarttlsRow> {
 protected:
  Attempt Run(lab::ServerOptions options) {
    options.starttls = GetParam().server;
    options.deadline = 60s;
    Result<lab::Server> server = lab::Server::Start(options);
    EXPECT_TRUE(server);
    return Connect(*server, GetParam().client, 700ms);
  }
};

TEST_P(StarttlsServerTest, RefusedOrInjectedOrFaultyNeverBecomesTls) {
  lab::ServerOptions refused = Sound();
  refused.starttls_conduct = lab::StarttlsConduct::kRefused;
  EXPECT_EQ(Run(refused).failure, Code::kStarttlsRefused);
  lab::ServerOptions injected = Sound();
  injected.starttls_conduct = lab::StarttlsConduct::kInjected;
  const Attempt after_injection = Run(injected);
  // Injected bytes that arrive in a packet of their own are the first bytes of TLS, then.
  EXPECT_TRUE(after_injection.failure == Code::kStarttlsRefused ||
              after_injection.failure == Code::kNotTls)
      << after_injection.message;
  for (const Fault fault : {Fault::kSilence, Fault::kClose, Fault::kReset, Fault::kGarbage,
                            Fault::kPlainHttp, Fault::kEndless}) {
    for (const Phase phase : {Phase::kOnAccept, Phase::kBeforeTls}) {
      lab::ServerOptions faulty = Sound();
      faulty.fault = fault;
      faulty.phase = phase;
      const Attempt attempt = Run(faulty);
      EXPECT_TRUE(attempt.failure.has_value());
      EXPECT_LT(attempt.took, 15s);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, StarttlsServerTest,
                         testing::Values(StarttlsRow{Starttls::kSmtp, lab::Starttls::kSmtp},
                                         StarttlsRow{Starttls::kImap, lab::Starttls::kImap},
                                         StarttlsRow{Starttls::kPop3, lab::Starttls::kPop3},
                                         StarttlsRow{Starttls::kFtp, lab::Starttls::kFtp},
                                         StarttlsRow{Starttls::kXmpp, lab::Starttls::kXmpp},
                                         StarttlsRow{Starttls::kPostgres, lab::Starttls::kPostgres},
                                         StarttlsRow{Starttls::kMysql, lab::Starttls::kMysql},
                                         StarttlsRow{Starttls::kLdap, lab::Starttls::kLdap}));

}  // namespace
}  // namespace cotter::net
