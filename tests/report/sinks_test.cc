// SPDX-License-Identifier: Apache-2.0
//
// Who is told: logs, counters, limits and blocks.
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/report/sample_event.h"
#include <cotter/report.h>

namespace cotter::report {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Kept is a sink that keeps what it is told.
class Kept final : public Sink {
 public:
  void Tell(const ViolationEvent& event) noexcept override { events.push_back(event); }

  std::vector<ViolationEvent> events;
};

TEST(LogSink, WritesALineForEachEventAndSurvivesALogThatThrows) {
  std::vector<std::string> lines;
  const auto log = MakeLogSink([&lines](std::string_view line) { lines.emplace_back(line); });
  log->Tell(SampleEvent("a.example.com"));
  log->Tell(SampleEvent("b.example.com"));
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[1], HasSubstr("host=b.example.com"));
  MakeLogSink([](std::string_view) {
    throw std::runtime_error("disk full");
  })->Tell(SampleEvent("a.example.com"));
  MakeLogSink(nullptr)->Tell(SampleEvent("a.example.com"));
}

TEST(FanOut, TellsEachSinkAndPassesOverNone) {
  const auto first = std::make_shared<Kept>();
  const auto second = std::make_shared<Kept>();
  MakeFanOut({first, nullptr, second})->Tell(SampleEvent("a.example.com"));
  EXPECT_THAT(first->events, SizeIs(1));
  EXPECT_THAT(second->events, SizeIs(1));
}

// S1-47: a counter of exactly this name with a host label.
TEST(Counters, CountByHostUnderTheNameThatIsAskedFor_S1_47) {
  const auto counters = MakeCounters();
  counters->Tell(SampleEvent("b.example.com"));
  counters->Tell(SampleEvent("a.example.com"));
  counters->Tell(SampleEvent("b.example.com"));
  EXPECT_THAT(counters->Text(), HasSubstr("# TYPE ssl_pin_failure counter\n"
                                          "ssl_pin_failure{host=\"a.example.com\"} 1\n"
                                          "ssl_pin_failure{host=\"b.example.com\"} 2\n"));
  EXPECT_EQ(counters->Count("b.example.com"), 2U);
}

TEST(Counters, CountHostsOverTheBoundTogether) {
  const auto counters = MakeCounters();
  for (std::size_t i = 0; i < kMaxCountedHosts + 7; ++i) {
    counters->Tell(SampleEvent("h" + std::to_string(i) + ".example.com"));
  }
  counters->Tell(SampleEvent("h0.example.com"));
  EXPECT_EQ(counters->Count("h0.example.com"), 2U);
  EXPECT_THAT(counters->Text(), HasSubstr("ssl_pin_failure{host=\"_other\"} 7\n"));
}

TEST(Counters, LoseNothingBetweenThreads) {
  const auto counters = MakeCounters();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([counters] {
      for (int i = 0; i < 500; ++i) counters->Tell(SampleEvent("a.example.com"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters->Count("a.example.com"), 2000U);
}

// S1-25: reports are rate limited, for each host on its own.
TEST(RateLimited, LetsABurstThroughThenOneAnInterval_S1_25) {
  const auto kept = std::make_shared<Kept>();
  const auto limited = MakeRateLimited(kept, {.burst = 3, .interval_seconds = 60});
  for (int i = 0; i < 10; ++i) limited->Tell(SampleEvent("a.example.com", 1000));
  EXPECT_THAT(kept->events, SizeIs(3));
  limited->Tell(SampleEvent("b.example.com", 1000));
  EXPECT_THAT(kept->events, SizeIs(4));
  limited->Tell(SampleEvent("a.example.com", 1059));
  EXPECT_THAT(kept->events, SizeIs(4));
  limited->Tell(SampleEvent("a.example.com", 1060));
  ASSERT_THAT(kept->events, SizeIs(5));
  EXPECT_THAT(kept->events.back().message, HasSubstr("(8 like it were held back)"));
  // A clock that is set back starts the interval anew; it neither opens nor closes for ever.
  limited->Tell(SampleEvent("a.example.com", 10));
  EXPECT_THAT(kept->events, SizeIs(5));
  limited->Tell(SampleEvent("a.example.com", 70));
  EXPECT_THAT(kept->events, SizeIs(6));
}

// S1-25: a host may be left alone for a while after a mismatch.
TEST(HostBlock, EndsAfterItsTimeAndNeverBlocksWhatWasOnlyReported_S1_25) {
  const auto block = MakeHostBlock(30);
  EXPECT_FALSE(block->Blocked("a.example.com", 443, Time{1000}));
  block->Tell(SampleEvent("a.example.com", 1000));
  EXPECT_TRUE(block->Blocked("a.example.com", 443, Time{1000}));
  EXPECT_TRUE(block->Blocked("a.example.com", 443, Time{1029}));
  EXPECT_FALSE(block->Blocked("a.example.com", 443, Time{1030}));
  EXPECT_FALSE(block->Blocked("a.example.com", 8443, Time{1000}));
  ViolationEvent reported = SampleEvent("b.example.com", 1000);
  reported.outcome = Outcome::kReported;
  block->Tell(reported);
  EXPECT_FALSE(block->Blocked("b.example.com", 443, Time{1000}));
}

}  // namespace
}  // namespace cotter::report
