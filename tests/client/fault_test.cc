// SPDX-License-Identifier: Apache-2.0
//
// Faults at every place in turn: each call by which the client reaches the network, each of its own
// allocations. Whatever happens, a request ends soon, in an answer or a typed error; a server that
// the pins refuse gets nothing of it; a genuine one gets it once; and the client works on.
#include <chrono>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "tests/client/failing_io.h"
#include "tests/client/fault_sweep.h"
#include "tests/client/served_client.h"
#include "tests/tls/failing_allocations.h"

namespace cotter::client {
namespace {

using test::FailingIo;

class FaultTest : public testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Io, FaultTest, testing::ValuesIn(kKinds),
                         [](const auto& one) { return std::string(one.param.name); });

// S1-32, S3-01: a new connection. T16 of other clients: a request that is sent twice.
TEST_P(FaultTest, AtEachCallOfANewConnectionEndsTheRequestOnce_S1_32) {
  long call = 0;
  for (bool struck = true; struck; ++call) {
    ASSERT_LT(call, kMostCalls);
    SCOPED_TRACE(call);
    const lab::Server server = StartServer(Serving({"leaf"}));
    Options options = Meeting(server, PinnedTo("intermediate"));
    options.timeout = std::chrono::seconds(10);
    const Result<Client> client = Client::Create(std::move(options));
    ASSERT_TRUE(client) << client.error().message;
    struck = Struck(*client, server, GetParam(), call);
    EXPECT_LE(Bodies(server.Record()), 1U);
    // A GET: a connection that was kept with its fault costs another one, and that is all.
    const Result<Response> next = client->Get(UrlOf(kHost, server));
    EXPECT_TRUE(next) << next.error().message;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(call, 20);  // the faults were met
}

// S1-32, S1-37: a connection that has served a request before. libcurl would make a request again
// that died on such a connection.
TEST_P(FaultTest, AtEachCallOnAKeptConnectionEndsTheRequestOnce_S1_32_S1_37) {
  long call = 0;
  for (bool struck = true; struck; ++call) {
    ASSERT_LT(call, kMostCalls);
    SCOPED_TRACE(call);
    const lab::Server server = StartServer(Serving({"leaf"}));
    Options options = Meeting(server, PinnedTo("intermediate"));
    options.timeout = std::chrono::seconds(10);
    const Result<Client> client = Client::Create(std::move(options));
    ASSERT_TRUE(client) << client.error().message;
    ASSERT_TRUE(client->Get(UrlOf(kHost, server)));
    struck = Struck(*client, server, GetParam(), call);
    EXPECT_LE(Bodies(server.Record()), 1U);
    // A GET: a connection that was kept with its fault costs another one, and that is all.
    const Result<Response> next = client->Get(UrlOf(kHost, server));
    EXPECT_TRUE(next) << next.error().message;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(call, 4);
}

// S1-31, S3-01, S3-53: a fault is no way around the pins.
TEST_P(FaultTest, AtEachCallLetsNothingPassToARefusedServer_S1_31_S3_53) {
  const lab::Server server = StartServer(Serving({"rogue-leaf"}));
  long call = 0;
  for (bool struck = true; struck; ++call) {
    ASSERT_LT(call, kMostCalls);
    SCOPED_TRACE(call);
    Options options = Meeting(server, PinnedTo("intermediate"));
    options.timeout = std::chrono::seconds(10);
    int told = 0;
    options.on_bad_pin = [&](const BadPin& /*bad*/) { ++told; };
    const Result<Client> client = Client::Create(std::move(options));
    ASSERT_TRUE(client) << client.error().message;
    const auto begun = std::chrono::steady_clock::now();
    {
      const FailingIo failing(call, GetParam().fault, GetParam().error);
      const Result<Response> response = client->Send(Secret(server));
      struck = failing.struck();
      ASSERT_FALSE(response);
      EXPECT_EQ(response.error().code == Code::kPinMismatch, told == 1) << response.error().message;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
    const Result<Response> next = client->Send(Secret(server));
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, Code::kPinMismatch) << next.error().message;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(call, 15);
  const lab::ServerRecord record = server.Record();
  EXPECT_EQ(record.handshakes_completed, 0U);
  EXPECT_EQ(record.application_bytes, 0U);
}

// Each allocation of the client's own, in turn. Without memory a request fails; it does not leave
// the client without anybody who drives it.
TEST(ClientMemory, EachAllocationThatFailsEndsTheRequestAlone) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  const lab::Server rogue = StartServer(Serving({"rogue-leaf"}));
  for (const lab::Server* const met : {&server, &rogue}) {
    long allowed = 0;
    for (bool failed = true; failed; ++allowed) {
      ASSERT_LT(allowed, 5000);
      SCOPED_TRACE(allowed);
      const Result<Client> client = Client::Create(Meeting(*met, PinnedTo("intermediate")));
      ASSERT_TRUE(client);
      Request request = Secret(*met);
      test::AllocationsLeft() = allowed;
      bool answered = false;
      try {
        const Result<Response> response = client->Send(std::move(request));
        answered = response.has_value();
      } catch (const std::bad_alloc&) {
        answered = false;
      }
      failed = test::AllocationsLeft() == 0;
      test::AllocationsLeft() = -1;
      EXPECT_FALSE(answered && met == &rogue);
      const Result<Response> next = client->Send(Secret(*met));
      EXPECT_EQ(next.has_value(), met == &server);
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_EQ(rogue.Record().application_bytes, 0U);
  EXPECT_EQ(rogue.Record().handshakes_completed, 0U);
}

}  // namespace
}  // namespace cotter::client
