// SPDX-License-Identifier: Apache-2.0
//
// Faults at every place in turn: each call by which the client reaches the network, each of its own
// allocations. Whatever happens, a request ends soon, in an answer or a typed error; a server that
// the pins refuse gets nothing of it; a genuine one gets it once; and the client works on.
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/client/failing_io.h"
#include "tests/client/served_client.h"
#include "tests/tls/failing_allocations.h"

namespace cotter::client {
namespace {

using test::FailingIo;
using test::IoFault;

constexpr std::string_view kBody = "the body of a request";

// What a run may take; the longest wait of a sound one is for a handshake.
constexpr std::chrono::seconds kSoon{20};

// More calls than any request makes: a sweep that gets there does not end.
constexpr long kMostCalls = 500;

struct Kind {
  IoFault fault;
  int error;
  const char* name;
};

std::string NameOfKind(const testing::TestParamInfo<Kind>& info) { return info.param.name; }

Request Secret(const lab::Server& server) {
  return {.method = "POST",
          .url = UrlOf(kHost, server),
          .headers = {{"Authorization", "Bearer secret-token"}},
          .body = std::string(kBody)};
}

// Bodies is how often the server was sent the body, whole.
std::size_t Bodies(const lab::ServerRecord& record) {
  std::size_t count = 0;
  for (const lab::ConnectionRecord& connection : record.details) {
    std::size_t at = 0;
    while ((at = connection.application_data.find(kBody, at)) != std::string::npos) {
      ++count;
      at += kBody.size();
    }
  }
  return count;
}

// Ended says of a result under a fault that it may be.
void Ended(const Result<Response>& response, std::chrono::steady_clock::time_point begun) {
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
  if (response) {
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "hello\n");
    EXPECT_EQ(response->connection.outcome, Outcome::kPinnedOk);
  } else {
    EXPECT_FALSE(response.error().message.empty());
  }
}

class FaultTest : public testing::TestWithParam<Kind> {
 protected:
  // Struck makes `server`'s next request with a fault at `call`. False where there was no such
  // call.
  bool Struck(const Client& client, const lab::Server& server, long call) {
    const auto begun = std::chrono::steady_clock::now();
    const FailingIo failing(call, GetParam().fault, GetParam().error);
    const Result<Response> response = client.Send(Secret(server));
    Ended(response, begun);
    const bool harmless = !failing.struck() || GetParam().fault == IoFault::kOneByte;
    EXPECT_TRUE(response || !harmless) << response.error().message;
    return failing.struck();
  }
};

INSTANTIATE_TEST_SUITE_P(Io, FaultTest,
                         testing::Values(Kind{IoFault::kError, ECONNRESET, "Reset"},
                                         Kind{IoFault::kError, EPIPE, "Pipe"},
                                         Kind{IoFault::kError, EINTR, "Interrupted"},
                                         Kind{IoFault::kError, EAGAIN, "Again"},
                                         Kind{IoFault::kError, EMFILE, "NoDescriptor"},
                                         Kind{IoFault::kError, ENOMEM, "NoMemory"},
                                         Kind{IoFault::kEnd, 0, "End"},
                                         Kind{IoFault::kOneByte, 0, "OneByte"}),
                         NameOfKind);

// S1-32, S3-01: a new connection.
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
    struck = Struck(*client, server, call);
    EXPECT_LE(Bodies(server.Record()), 1U);
    const Result<Response> next = client->Send(Secret(server));
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
    struck = Struck(*client, server, call);
    EXPECT_LE(Bodies(server.Record()), 1U);
    const Result<Response> next = client->Send(Secret(server));
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
