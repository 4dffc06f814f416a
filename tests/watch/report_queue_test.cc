// SPDX-License-Identifier: Apache-2.0
//
// What an agent's queue does with every answer: nothing good is lost, nothing is sent for ever, and
// it is bounded by the servers.
#include "watch/report_queue.h"

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "watch/observation.h"

namespace cotter::watch {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr ReportQueue::SteadyTime kStart{1h};

ServerFacts Facts(const std::string& target, std::int64_t at = 1) {
  ServerFacts facts;
  facts.target = target;
  facts.at = Time{at};
  facts.failure = Code::kDnsFailed;
  return facts;
}

std::string Name(std::size_t number) { return "h" + std::to_string(number) + ":443"; }

// The longest pause each time.
ReportQueue LongestQueue() {
  return ReportQueue([] { return ~std::uint64_t{0}; });
}

std::vector<ServerFacts> Parsed(const std::string& json) { return *ParseReports(json); }

// Runs the queue against a collector that calls batches with one of `bad` wrong. Returns what
// arrived; `dropped` is what the queue gave up.
std::set<std::string> RunAgainst(ReportQueue& queue, const std::set<std::string>& bad,
                                 std::set<std::string>& dropped, int& envelopes) {
  std::set<std::string> arrived;
  while (const auto json = queue.Next(kStart)) {
    ++envelopes;
    const std::vector<ServerFacts> reports = Parsed(*json);
    bool good = true;
    for (const ServerFacts& facts : reports) good = good && !bad.contains(facts.target);
    if (good) {
      for (const ServerFacts& facts : reports) arrived.insert(facts.target);
    }
    const auto outcome = queue.Answered({.status = good ? 200 : 400}, kStart);
    EXPECT_EQ(outcome.taken, good);
    if (outcome.dropped) dropped.insert(*outcome.dropped);
  }
  return arrived;
}

TEST(ReportQueue, ABadReportIsDroppedAloneAndTheOthersArrive_S3_49) {
  ReportQueue queue = LongestQueue();
  constexpr std::size_t kServers = 200;
  for (std::size_t i = 0; i < kServers; ++i) queue.Add(Facts(Name(i)));
  const std::set<std::string> bad{Name(0), Name(77), Name(78), Name(199)};
  std::set<std::string> dropped;
  int envelopes = 0;
  const std::set<std::string> arrived = RunAgainst(queue, bad, dropped, envelopes);
  EXPECT_EQ(dropped, bad);
  EXPECT_EQ(arrived.size(), kServers - bad.size());
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.dropped(), bad.size());
  // Halved, not one by one: eight levels for each bad one, and two envelopes each.
  EXPECT_LT(envelopes, 80);
}

TEST(ReportQueue, EverythingBadEnds) {
  ReportQueue queue = LongestQueue();
  std::set<std::string> bad;
  for (std::size_t i = 0; i < 33; ++i) {
    queue.Add(Facts(Name(i)));
    bad.insert(Name(i));
  }
  std::set<std::string> dropped;
  int envelopes = 0;
  EXPECT_THAT(RunAgainst(queue, bad, dropped, envelopes), IsEmpty());
  EXPECT_EQ(dropped, bad);
  EXPECT_FALSE(queue.Next(kStart + 24h));
}

TEST(ReportQueue, ACollectorThatIsAwayLosesNothingAndCostsOneReportAServer) {
  ReportQueue queue = LongestQueue();
  auto now = kStart;
  for (int round = 1; round <= 50; ++round) {
    for (std::size_t i = 0; i < 3; ++i) queue.Add(Facts(Name(i), round));
    if (queue.Next(now)) static_cast<void>(queue.Answered({}, now));
    now += 10min;
    EXPECT_EQ(queue.size(), 3U);
  }
  EXPECT_EQ(queue.failures(), 50U);
  const auto json = queue.Next(now);
  ASSERT_TRUE(json);
  for (const ServerFacts& facts : Parsed(*json)) EXPECT_EQ(facts.at.unix_seconds, 50);
  EXPECT_TRUE(queue.Answered({.status = 200}, now).taken);
  EXPECT_EQ(queue.failures(), 0U);
}

TEST(ReportQueue, ANewerLookStaysWhileAnOlderOneIsOnItsWay) {
  ReportQueue queue = LongestQueue();
  queue.Add(Facts("a:443", 1));
  ASSERT_TRUE(queue.Next(kStart));
  EXPECT_FALSE(queue.Next(kStart));  // one at a time
  queue.Add(Facts("a:443", 2));
  static_cast<void>(queue.Answered({.status = 503}, kStart));
  const auto json = queue.Next(kStart + 1h);
  ASSERT_TRUE(json);
  EXPECT_EQ(Parsed(*json).front().at.unix_seconds, 2);
}

// The limits are 2, 4, 8 ... 300 seconds; a draw of the limit itself is the longest pause.
TEST(ReportQueue, PausesGrowToFiveMinutes) {
  std::uint64_t draw = 0;
  ReportQueue queue([&draw] { return draw; });
  auto now = kStart;
  queue.Add(Facts("a:443"));
  for (const int limit : {2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300}) {
    draw = static_cast<std::uint64_t>(limit) * 1000;
    ASSERT_TRUE(queue.Next(now)) << limit;
    static_cast<void>(queue.Answered({.status = 500}, now));
    EXPECT_FALSE(queue.Next(now + std::chrono::seconds(limit) - 1ms)) << limit;
    now += std::chrono::seconds(limit);
  }
  // One above it begins anew: the pause is anything from nothing on.
  draw = 300'001;
  ASSERT_TRUE(queue.Next(now));
  static_cast<void>(queue.Answered({.status = 500}, now));
  EXPECT_TRUE(queue.Next(now));
}

TEST(ReportQueue, TheCollectorMayAskForMoreTime) {
  ReportQueue queue([] { return std::uint64_t{0}; });
  queue.Add(Facts("a:443"));
  ASSERT_TRUE(queue.Next(kStart));
  static_cast<void>(queue.Answered({.status = 429, .retry_after = 90s}, kStart));
  EXPECT_FALSE(queue.Next(kStart + 89s));
  ASSERT_TRUE(queue.Next(kStart + 90s));
  // But not for ever.
  static_cast<void>(queue.Answered({.status = 503, .retry_after = 1000h}, kStart + 90s));
  EXPECT_TRUE(queue.Next(kStart + 90s + 1h));
}

TEST(ReportQueue, GoneStopsUntilTheNextConfiguration) {
  ReportQueue queue = LongestQueue();
  queue.Add(Facts("a:443"));
  queue.Add(Facts("b:443"));
  ASSERT_TRUE(queue.Next(kStart));
  static_cast<void>(queue.Answered({.status = 410}, kStart));
  EXPECT_TRUE(queue.has_stopped());
  EXPECT_FALSE(queue.Next(kStart + 1000h));
  queue.Keep([](const std::string& name) { return name == "b:443"; });
  const auto json = queue.Next(kStart + 1000h);
  ASSERT_TRUE(json);
  EXPECT_EQ(Parsed(*json).front().target, "b:443");
}

TEST(ReportQueue, RetryAfterIsReadStrictly) {
  EXPECT_EQ(ReadRetryAfter("120"), 120s);
  EXPECT_EQ(ReadRetryAfter(" 0 "), 0s);
  for (const char* const bad :
       {"", "-1", "1.5", "x", "99999999999", "Thu, 26 Nov 2026 18:00:00 GMT"}) {
    EXPECT_FALSE(ReadRetryAfter(bad)) << bad;
  }
}

}  // namespace
}  // namespace cotter::watch
