// SPDX-License-Identifier: Apache-2.0
//
// A policy that changes under a running client: connections of before are not used again, and what
// is on its way ends where the new policy does not let it go on. And many requests at once.
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "client/settings.h"
#include "tests/client/served_client.h"
#include <cotter/client.h>

namespace cotter::client {
namespace {

std::shared_ptr<const PolicyIndex> Index(const Pins& pins) {
  return std::make_shared<const PolicyIndex>(MakePolicy(pins, Unlisted::kPki).value());
}

// S1-37: a kept connection serves again under the same policy, and only under it.
TEST(PolicyChange, LeavesKeptConnectionsUnused_S1_37) {
  const lab::Server server = StartServer(Serving({"leaf"}));
  const auto policy = HoldPolicy(Index(PinnedTo("leaf")));
  Options options = Meeting(server);
  options.policy = policy;
  const Result<Client> client = Client::Create(std::move(options));
  ASSERT_TRUE(client);
  EXPECT_FALSE(client->Get(UrlOf(kHost, server))->connection.reused);
  EXPECT_TRUE(client->Get(UrlOf(kHost, server))->connection.reused);

  policy->Set(Index(PinnedTo("intermediate")));
  const Result<Response> anew = client->Get(UrlOf(kHost, server));
  ASSERT_TRUE(anew);
  EXPECT_FALSE(anew->connection.reused);
  EXPECT_EQ(FormatPin(anew->connection.match->pin.digest), PinOf("intermediate"));

  policy->Set(Index(PinnedTo("backup")));
  EXPECT_EQ(client->Get(UrlOf(kHost, server)).error().code, Code::kPinMismatch);
  EXPECT_EQ(server.Record().handshakes_completed, 2U);
}

// A transfer in flight ends at once where its connection no longer holds, and the handler is told;
// the one that still holds goes on.
TEST(PolicyChange, EndsTransfersThatNoLongerHold_S1_26) {
  lab::ServerOptions endless = Serving({"leaf"});
  endless.fault = lab::Fault::kEndless;
  endless.phase = lab::Phase::kAfterHandshake;
  const lab::Server server = StartServer(std::move(endless));
  const auto policy = HoldPolicy(Index(PinnedTo("leaf")));
  Options options = Meeting(server);
  options.policy = policy;
  std::vector<BadPin> told;
  options.on_bad_pin = [&](const BadPin& bad) { told.push_back(bad); };
  const Result<Client> client = Client::Create(std::move(options));
  std::size_t chunks = 0;
  Request request{.url = UrlOf(kHost, server)};
  request.sink = [&](ByteView) {
    ++chunks;
    if (chunks == 2) policy->Set(Index(PinnedTo("intermediate")));
    if (chunks == 4) policy->Set(Index(PinnedTo("backup")));
    return chunks < 10'000;
  };

  const Result<Response> response = client->Send(request);

  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kPinMismatch) << response.error().message;
  EXPECT_GE(chunks, 4U);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].event.host, kHost);
  EXPECT_EQ(FormatPin(told[0].event.found[0]), PinOf("leaf"));
}

// The same for a host that was spoken to in clear and is pinned now.
TEST(PolicyChange, RefusesAClearHostThatIsPinnedNow_S1_55) {
  const auto policy = HoldPolicy(Index({}));
  Options options;
  options.policy = policy;
  options.trust = Trust({"root"});
  const Result<Client> client = Client::Create(std::move(options));
  policy->Set(Index(PinnedTo("leaf")));
  EXPECT_EQ(client->Get("http://api.example.com/").error().code, Code::kCleartextRefused);
}

// T13 of other clients: a silent host stalls nobody else.
TEST(Concurrency, LetsASilentHostStallNobodyElse) {
  lab::ServerOptions silent = Serving({"leaf"});
  silent.fault = lab::Fault::kSilence;
  silent.phase = lab::Phase::kMidHandshake;
  const lab::Server slow = StartServer(std::move(silent));
  const lab::Server server = StartServer(Serving({"leaf"}));
  const Result<Client> client = Client::Create(Meeting(server, PinnedTo("leaf")));
  Pending stuck = client->Start({.url = UrlOf("localhost", slow)});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(client->Get(UrlOf(kHost, server)));
  stuck.Cancel();
  EXPECT_EQ(stuck.Wait().error().code, Code::kCancelled);
}

std::size_t ThreadsOfThisProcess() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/self/task")) {
    ++count;
  }
  return count;
}

// A request needs no thread: 1,000 at once, answered each for itself.
TEST(Concurrency, RunsAThousandRequestsWithoutAThreadForEach) {
  constexpr std::size_t kRequests = 1000;
  const lab::Server server = StartServer(Serving({"leaf"}));
  Options options = Meeting(server, PinnedTo("leaf"));
  options.max_connections = 40;  // the lab server has a thread for each
  options.timeout = std::chrono::milliseconds(0);
  const Result<Client> client = Client::Create(std::move(options));
  const std::size_t before = ThreadsOfThisProcess();
  std::vector<Pending> pending;
  for (std::size_t i = 0; i < kRequests; ++i) {
    pending.push_back(client->Start({.url = UrlOf(kHost, server)}));
  }
  EXPECT_EQ(ThreadsOfThisProcess(), before);
  std::size_t good = 0;
  for (Pending& one : pending) {
    const Result<Response> response = one.Wait();
    if (response && response->body == "hello\n") ++good;
  }
  EXPECT_EQ(good, kRequests);
  EXPECT_LE(server.Record().connections, 60U);
}

// Nor does the look-up of a name: of a thousand requests for one host, one looks it up.
TEST(Concurrency, LooksANameUpOnce) {
  std::string name(256, '\0');
  ASSERT_EQ(::gethostname(name.data(), name.size()), 0);
  name.resize(name.find('\0'));
  Options options;
  options.trust = Trust({"root"});
  const Result<Client> client = Client::Create(std::move(options));
  const std::size_t before = ThreadsOfThisProcess();
  std::vector<Pending> pending;
  for (int i = 0; i < 200; ++i) pending.push_back(client->Start({.url = "http://" + name + ":1/"}));
  std::atomic<bool> over = false;
  std::size_t most = 0;
  std::thread watch([&] {
    while (!over) most = std::max(most, ThreadsOfThisProcess());
  });
  // Nothing listens there; what counts is that each ends, and by how many threads.
  for (Pending& one : pending) EXPECT_FALSE(one.Wait());
  over = true;
  watch.join();
  EXPECT_LE(most, before + 5);
}

// S1-38: threads share one client with pins for several hosts: each gets the answer to its own
// request, whoever drives.
TEST(Concurrency, ServesManyThreads) {
  const lab::Server good = StartServer(Serving({"leaf"}));
  const lab::Server bad = StartServer(Serving({"rogue-leaf"}));
  Pins pins = PinnedTo("leaf");
  pins["localhost"] = {PinOf("leaf")};
  Options options = Meeting(good, pins);
  std::atomic<int> told = 0;
  options.on_bad_pin = [&](const BadPin&) { ++told; };
  const Result<Client> client = Client::Create(std::move(options));
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const bool to_bad = (i + round) % 2 == 0;
        const Result<Response> response =
            client->Get(to_bad ? UrlOf("localhost", bad) : UrlOf(kHost, good));
        const bool refused = !response && response.error().code == Code::kPinMismatch;
        if (to_bad ? refused : response.has_value()) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 40);
  EXPECT_EQ(told, 20);
}

// A handler that blocks holds up its own request alone.
TEST(Concurrency, LetsAHandlerBlock_S1_27) {
  const lab::Server good = StartServer(Serving({"leaf"}));
  const lab::Server bad = StartServer(Serving({"rogue-leaf"}));
  Pins pins = PinnedTo("leaf");
  pins["localhost"] = {PinOf("leaf")};
  Options options = Meeting(good, pins);
  std::atomic<bool> blocked = false;
  std::atomic<bool> go_on = false;
  options.on_bad_pin = [&](const BadPin&) {
    blocked = true;
    blocked.notify_all();
    go_on.wait(false);
  };
  const Result<Client> client = Client::Create(std::move(options));
  std::thread refused([&] { EXPECT_FALSE(client->Get(UrlOf("localhost", bad))); });
  blocked.wait(false);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->Get(UrlOf(kHost, good)));
  go_on = true;
  go_on.notify_all();
  refused.join();
}

// A request that nobody waits for is told of all the same.
TEST(Concurrency, TellsOfARefusalThatNobodyWaitsFor_S1_26) {
  const lab::Server bad = StartServer(Serving({"rogue-leaf"}));
  Options options = Meeting(bad, PinnedTo("leaf"));
  int told = 0;
  options.on_bad_pin = [&](const BadPin&) { ++told; };
  const Result<Client> client = Client::Create(std::move(options));
  int waits = 0;
  {
    // Whoever waits drives it too; how many waits it takes until it was refused is the network's
    // affair, and the server's record tells.
    const Pending first = client->Start({.url = UrlOf(kHost, bad)});
    bool refused = false;
    while (!refused && waits < 50) {
      EXPECT_FALSE(client->Get(UrlOf(kHost, bad)));
      ++waits;
      refused = bad.WaitFor(
          [waits](const lab::ServerRecord& record) {
            return record.closed > static_cast<std::uint64_t>(waits);
          },
          std::chrono::milliseconds(200));
    }
    ASSERT_TRUE(refused);
  }
  EXPECT_EQ(told, waits + 1);
}

// S1-25: after a refusal the host can be left alone for a while.
TEST(Client, LeavesAHostAloneAfterARefusalWhereAsked_S1_25) {
  const lab::Server bad = StartServer(Serving({"rogue-leaf"}));
  Options options = Meeting(bad, PinnedTo("leaf"));
  Time now{1'800'000'000};
  options.block_after_bad_pin = std::chrono::seconds(60);
  options.now = [&] { return now; };
  options.trust = Trust({"root", "rogue-root"});
  const Result<Client> client = Client::Create(std::move(options));
  EXPECT_FALSE(client->Get(UrlOf(kHost, bad)));
  EXPECT_EQ(client->Get(UrlOf(kHost, bad)).error().code, Code::kPinMismatch);
  EXPECT_EQ(bad.Record().connections, 1U);
  now.unix_seconds += 61;
  EXPECT_FALSE(client->Get(UrlOf(kHost, bad)));
  EXPECT_EQ(bad.Record().connections, 2U);
}

}  // namespace
}  // namespace cotter::client
