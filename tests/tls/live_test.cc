// SPDX-License-Identifier: Apache-2.0
//
// Connections that stay open while the policy changes: judged again before their next use, and shut
// down where the program never asks.
#include <array>
#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tls/context_program.h"
#include "tls/live_connections.h"

namespace cotter::tls {
namespace {

// Kept is a program with one connection that stays open.
struct Kept {
  Kept()
      : source(HoldPolicy(Pins({{"leaf"}}))),
        program(EnforcerOptions{.policy = source,
                                .trust = Trust({"root"}),
                                .now = {},
                                .on_violation =
                                    [this](const Violation& violation) {
                                      told.push_back(violation.verdict.outcome);
                                      sockets.push_back(violation.socket);
                                    }},
                KeepIn(records)) {
    // As every program that writes to sockets: a connection may be shut down at any time.
    std::signal(SIGPIPE, SIG_IGN);
  }

  void Connect(const lab::Server& server) {
    program.Open(server);
    ASSERT_TRUE(program.Shake() && program.Write() && program.Read());
  }

  std::shared_ptr<HeldPolicy> source;
  std::vector<Outcome> told;
  std::vector<int> sockets;
  Records records;
  ContextProgram program;
};

class LiveTest : public EnforcerTest {};

INSTANTIATE_TEST_SUITE_P(Versions, LiveTest,
                         testing::Values(lab::TlsVersion::kTls12, lab::TlsVersion::kTls13),
                         [](const auto& each) {
                           return each.param == lab::TlsVersion::kTls12 ? "Tls12" : "Tls13";
                         });

std::shared_ptr<const PolicyIndex> Revoking(const std::string& name) {
  Policy policy;
  policy.name = "test";
  policy.version = 2;
  policy.revoked = {SpkiDigest(World().Get(name))};
  return std::make_shared<const PolicyIndex>(PolicyIndex::Build(policy).value());
}

// S1-26, S1-30: a kept-alive connection is judged again before its next use, and told of once.
TEST_P(LiveTest, KeptConnectionIsJudgedAgainBeforeItsNextUse_S1_26_S1_30) {
  const struct {
    std::shared_ptr<const PolicyIndex> policy;
    Code code;
  } table[] = {{Pins({{"backup"}}), Code::kPinMismatch}, {Revoking("root"), Code::kRevoked}};
  for (const auto& row : table) {
    const lab::Server server = StartServer(Serving({World().Get("leaf")}));
    Kept kept;
    kept.Connect(server);
    EXPECT_TRUE(CheckUse(kept.program.ssl()));
    kept.source->Set(row.policy);
    for (int i = 0; i < 2; ++i) {
      const Result<void> use = CheckUse(kept.program.ssl());
      ASSERT_FALSE(use);
      EXPECT_EQ(use.error().code, row.code);
    }
    EXPECT_EQ(RecordOf(kept.program.ssl())->code, row.code);
    EXPECT_EQ(kept.told.size(), 1U);
    EXPECT_FALSE(kept.program.Write());
    EXPECT_FALSE(kept.program.Read());
    kept.program.Close();
    EXPECT_EQ(FirstRecord(server).application_bytes, kSecret.size());
  }
}

// The same without a word of the program: its socket is shut down by the swap.
TEST_P(LiveTest, SwapShutsDownWhatNoLongerHolds) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Kept kept;
  kept.Connect(server);
  const int socket = SSL_get_fd(kept.program.ssl());
  kept.source->Set(Pins({{"backup"}}));
  EXPECT_EQ(kept.told, std::vector<Outcome>{Outcome::kPinMismatch});
  EXPECT_EQ(kept.sockets, std::vector<int>{socket});
  EXPECT_TRUE(server.WaitFor([](const lab::ServerRecord& record) { return record.closed == 1; },
                             kPatience));
  EXPECT_FALSE(kept.program.Read());
  EXPECT_EQ(FirstRecord(server).application_bytes, kSecret.size());
}

// Suspended is a policy that the server breaks, and that only reports until `end`.
std::shared_ptr<const PolicyIndex> Suspended(Time end) {
  Policy policy;
  policy.name = "test";
  policy.version = 2;
  HostRule rule{.pattern = HostPattern::Parse("api.example.com").value()};
  rule.pins.push_back(PolicyPin{.pin = {.digest = SpkiDigest(World().Get("backup"))}});
  EmergencyStatement statement{.kind = EmergencyKind::kSuspend, .id = "E1"};
  statement.rules.push_back({.pattern = rule.pattern});
  statement.until = end;
  policy.hosts.push_back(std::move(rule));
  policy.emergency.push_back(std::move(statement));
  return std::make_shared<const PolicyIndex>(PolicyIndex::Build(policy).value());
}

// S3-39: a suspension ends without a network, and without a swap: a connection that it let through
// is judged again at its next use, and shut down where the program never asks.
TEST_P(LiveTest, ConnectionDoesNotOutliveTheSuspensionThatLetItThrough_S3_39) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  const Time end{base::Now().unix_seconds + 6};
  Kept asking;
  Kept silent;
  for (Kept* kept : {&asking, &silent}) {
    kept->source->Set(Suspended(end));
    kept->Connect(server);
    EXPECT_EQ(kept->told, std::vector<Outcome>{Outcome::kReported});
    EXPECT_TRUE(CheckUse(kept->program.ssl()));
    EXPECT_TRUE(kept->program.Write() && kept->program.Read());
  }
  while (base::Now() < end) {
    static_cast<void>(server.WaitFor([](const lab::ServerRecord&) { return false; },
                                     std::chrono::milliseconds(100)));
  }
  silent.source->Settle();
  EXPECT_TRUE(server.WaitFor([](const lab::ServerRecord& record) { return record.closed == 1; },
                             kPatience));
  const Result<void> use = CheckUse(asking.program.ssl());
  ASSERT_FALSE(use);
  EXPECT_EQ(use.error().code, Code::kPinMismatch);
  for (Kept* kept : {&asking, &silent}) {
    EXPECT_FALSE(kept->program.Write() && kept->program.Read());
    EXPECT_EQ(kept->told, (std::vector<Outcome>{Outcome::kReported, Outcome::kPinMismatch}));
  }
}

TEST_P(LiveTest, ConnectionThatStillHoldsGoesOn) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Kept kept;
  kept.Connect(server);
  kept.source->Set(Pins({{"root"}}));
  EXPECT_TRUE(CheckUse(kept.program.ssl()));
  EXPECT_EQ(RecordOf(kept.program.ssl())->verdict.match->cert_index, 2U);
  EXPECT_TRUE(kept.program.Write() && kept.program.Read());
  kept.source->Set(Pins({{"backup"}}, Mode::kReport));
  EXPECT_TRUE(CheckUse(kept.program.ssl()));
  EXPECT_TRUE(kept.program.Write() && kept.program.Read());
  EXPECT_EQ(kept.told, std::vector<Outcome>{Outcome::kReported});
}

// A descriptor that the program closed, and that is another socket by now, is not touched.
TEST_P(LiveTest, ReusedDescriptorIsNotTouched) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Kept kept;
  kept.Connect(server);
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  const int number = SSL_get_fd(kept.program.ssl());
  ASSERT_EQ(dup2(pair[0], number), number);  // closes the connection's socket
  kept.source->Set(Pins({{"backup"}}));
  EXPECT_EQ(write(number, "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(pair[1], &byte, 1), 1);
  EXPECT_FALSE(CheckUse(kept.program.ssl()));
  for (const int each : pair) close(each);
}

// Where OpenSSL does not know the socket, the program can name it.
TEST_P(LiveTest, NamedSocketIsShutDown) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  Kept kept;
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  kept.program.Open(server);
  ASSERT_TRUE(kept.program.Shake());
  UseSocket(kept.program.ssl(), pair[0]);
  kept.source->Set(Pins({{"backup"}}));
  char byte = 0;
  EXPECT_EQ(read(pair[1], &byte, 1), 0);
  EXPECT_EQ(kept.sockets, std::vector<int>{pair[0]});
  for (const int each : pair) close(each);
}

// A policy that comes between the verdict and the end of the handshake.
TEST_P(LiveTest, PolicyThatComesDuringTheHandshakeCounts) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  const std::shared_ptr<HeldPolicy> source = HoldPolicy(Pins({{"leaf"}}));
  std::vector<std::optional<Code>> codes;
  ContextOptions options;
  options.endpoint = ApiEndpoint();
  options.on_record = [&](const ConnectionRecord& record) {
    codes.push_back(record.code);
    if (codes.size() == 1) source->Set(Pins({{"backup"}}));
  };
  ContextProgram program(EnforcerOptions{.policy = source, .trust = Trust({"root"}), .now = {}},
                         std::move(options));
  program.Open(server);
  (void)program.Shake();
  EXPECT_FALSE(program.Write());
  EXPECT_EQ(codes, (std::vector<std::optional<Code>>{std::nullopt, Code::kPinMismatch}));
  program.Close();
  EXPECT_EQ(FirstRecord(server).application_bytes, 0U);
}

// A handler that swaps the policy itself, and one that throws, keep nobody waiting and alive.
TEST_P(LiveTest, HandlerMaySwapThePolicyItself) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  const std::shared_ptr<HeldPolicy> source = HoldPolicy(Pins({{"leaf"}}));
  int told = 0;
  const auto handler = [&](const Violation& /*violation*/) {
    if (++told == 1) source->Set(Pins({{"root"}}));
    throw std::runtime_error("the pager is down");
  };
  ContextProgram program(
      EnforcerOptions{
          .policy = source, .trust = Trust({"root"}), .now = {}, .on_violation = handler},
      {.endpoint = ApiEndpoint()});
  std::signal(SIGPIPE, SIG_IGN);
  program.Open(server);
  ASSERT_TRUE(program.Shake() && program.Write() && program.Read());
  source->Set(Pins({{"backup"}}));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(source->Current()->version(), 1U);
  EXPECT_FALSE(program.Read());  // shut down, though the policy of now would allow it
}

// A handler that blocks holds up its own connection: others are made, and the policy is swapped,
// meanwhile.
TEST_P(LiveTest, HandlerThatBlocksHoldsUpNobodyElse) {
  const lab::Server server = StartServer(Serving({World().Get("leaf")}));
  const std::shared_ptr<HeldPolicy> source = HoldPolicy(Pins({{"leaf"}}));
  std::promise<void> blocked;
  std::promise<void> release;
  std::atomic<int> calls{0};
  const auto handler = [&](const ConnectionRecord& /*record*/) {
    if (calls++ != 0) return;
    blocked.set_value();
    release.get_future().wait();
  };
  const Enforcer enforcer =
      Enforcer::Create({.policy = source, .trust = Trust({"root"}), .now = {}}).value();
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  ASSERT_TRUE(
      enforcer.AttachContext(context.get(), {.endpoint = ApiEndpoint(), .on_record = handler}));
  const auto connect = [&] {
    const SslPtr ssl(SSL_new(context.get()));
    BIO* const bio = BIO_new_connect(server.authority().c_str());
    EXPECT_EQ(BIO_do_connect(bio), 1);
    SSL_set_bio(ssl.get(), bio, bio);
    EXPECT_EQ(SSL_connect(ssl.get()), 1);
    return CheckUse(ssl.get()).has_value();
  };
  std::future<bool> held = std::async(std::launch::async, connect);
  blocked.get_future().wait();
  EXPECT_TRUE(connect());
  source->Set(Pins({{"backup"}}));
  release.set_value();
  EXPECT_FALSE(held.get());  // the policy that came while it was blocked counts
}

TEST(LiveConnections, SwapsWhileConnectionsComeAndGo) {
  lab::ServerOptions serving;
  serving.identities = {World().Get("leaf")};
  const lab::Server server = StartServer(std::move(serving));
  const std::shared_ptr<HeldPolicy> source = HoldPolicy(Pins({{"leaf"}}));
  const Enforcer enforcer =
      Enforcer::Create({.policy = source, .trust = Trust({"root"}), .now = {}}).value();
  std::atomic<int> running{3};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
      EXPECT_TRUE(enforcer.AttachContext(context.get(), {.endpoint = ApiEndpoint()}));
      for (int i = 0; i < 10; ++i) {
        const SslPtr ssl(SSL_new(context.get()));
        BIO* const bio = BIO_new_connect(server.authority().c_str());
        EXPECT_EQ(BIO_do_connect(bio), 1);
        SSL_set_bio(ssl.get(), bio, bio);
        if (SSL_connect(ssl.get()) == 1) (void)CheckUse(ssl.get());
      }
      --running;
    });
  }
  bool right = false;
  while (running > 0) {
    source->Set(Pins({{right ? "leaf" : "backup"}}));
    right = !right;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(server.Record().application_bytes, 0U);
}

TEST(LiveConnections, OnlySocketsHaveAnIdentity) {
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  EXPECT_NE(IdentityOf(pair[0]), IdentityOf(pair[1]));
  const int copy = dup(pair[0]);
  EXPECT_EQ(IdentityOf(pair[0]), IdentityOf(copy));
  EXPECT_EQ(IdentityOf(-1), SocketIdentity());
  ASSERT_EQ(pipe(pair.data()), 0);
  EXPECT_EQ(IdentityOf(pair[0]), SocketIdentity());
  for (const int each : {copy, pair[0], pair[1]}) close(each);
}

}  // namespace
}  // namespace cotter::tls
