// SPDX-License-Identifier: Apache-2.0
//
// A source that follows a repository, over a network and a clock of the test's.
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "tests/update/signed_repository.h"
#include "update/remote_parts.h"
#include <cotter/update.h>

namespace cotter::update {
namespace {

using test::PolicyText;

constexpr std::chrono::milliseconds kPatience{60'000};

// World is a repository, a state directory, and the clock of the client between them.
class World {
 public:
  RemoteOptions Options() {
    RemoteOptions options;
    options.remotes = {"memory://here"};
    options.state = state();
    options.root = repository.root();
    options.patience = kPatience;
    options.on_event = [this](const PollEvent& event) {
      const std::lock_guard<std::mutex> lock(mutex_);
      events_.push_back(event);
      told_.notify_all();
    };
    return options;
  }

  Result<std::shared_ptr<RemotePolicy>> Open(RemoteOptions options) {
    RemoteParts parts;
    parts.fetcher = [this](const std::shared_ptr<const std::atomic<bool>>&) {
      return repository.NewFetcher();
    };
    parts.now = [this] { return Time{now}; };
    parts.uptime = [this] { return uptime.load(); };
    parts.random = [] { return 0U; };
    return RemotePolicyAccess::Open(std::move(options), std::move(parts));
  }

  Result<std::shared_ptr<RemotePolicy>> Open() { return Open(Options()); }

  // AwaitEvents waits until there have been `count` polls, and returns the last.
  PollEvent AwaitEvents(std::size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    told_.wait(lock, [&] { return events_.size() >= count; });
    return events_[count - 1];
  }
  std::size_t events() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return events_.size();
  }

  [[nodiscard]] std::string state() const { return directory_.File("state"); }

  test::SignedRepository repository;
  std::atomic<std::int64_t> now{1'800'000'000};
  std::atomic<std::int64_t> uptime{1000};

 private:
  test::TempDir directory_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<PollEvent> events_;
};

TEST(RemotePolicy, FollowsTheRepositoryAndTellsSubscribers_S3_07) {
  World world;
  world.repository.Publish(PolicyText(1));
  const auto source = world.Open().value();
  EXPECT_EQ(source->Current()->version(), 1U);
  std::atomic<std::uint64_t> seen{0};
  const auto handle = source->Subscribe([&] { seen = source->Current()->version(); });
  world.repository.Publish(PolicyText(2));
  const Result<PollEvent> event = source->Poll();
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->outcome, PollOutcome::kUpdated);
  EXPECT_EQ(event->version, 2U);
  EXPECT_EQ(seen, 2U);
  EXPECT_EQ(source->Poll()->outcome, PollOutcome::kUnchanged);
}

TEST(RemotePolicy, APollThatBringsNothingNewIsTwoRequests) {
  World world;
  world.repository.Publish(PolicyText(1));
  const auto source = world.Open().value();
  const std::size_t before = world.repository.requests();
  ASSERT_TRUE(source->Poll());
  EXPECT_EQ(world.repository.requests() - before, 2U);
}

TEST(RemotePolicy, WhatFailsIsToldAndLeavesThePolicyInForce_S3_13) {
  World world;
  world.repository.Publish(PolicyText(5));
  const auto source = world.Open().value();
  const auto good = source->Current();
  const auto files = world.repository.files();
  const struct {
    const char* what;
    std::function<void()> harm;
    const char* step;
    Code code;
  } table[] = {
      {"out of reach",
       [&] {
         world.repository.Fail(Error{Code::kFetchFailed, "no network"});
       },
       "root", Code::kFetchFailed},
      {"an endless body",
       [&] { world.repository.Change("/metadata/timestamp.json", std::string(20'000, ' ')); },
       "timestamp", Code::kFileTooLarge},
      {"a forged timestamp",
       [&] {
         std::string forged = files.at("/metadata/timestamp.json");
         forged.replace(forged.find("\"version\":1}"), 12, "\"version\":9}");
         world.repository.Change("/metadata/timestamp.json", forged);
       },
       "timestamp", Code::kSignatureThreshold},
      {"a withheld timestamp", [&] { world.now = 5'000'000'000; }, "root", Code::kMetadataExpired},
      {"an older policy, signed", [&] { world.repository.Publish(PolicyText(4)); }, "policy",
       Code::kPolicyRollback},
      {"another policy of the same version, signed",
       [&] { world.repository.Publish(PolicyText(5, "production", "other.example.com")); },
       "policy", Code::kPolicyRollback},
      {"no policy, signed", [&] { world.repository.Publish("<html>"); }, "policy",
       Code::kPolicySyntax},
  };
  for (const auto& row : table) {
    row.harm();
    const Result<PollEvent> event = source->Poll();
    ASSERT_FALSE(event) << row.what;
    const RemoteStatus status = source->Status();
    EXPECT_EQ(status.rejected->step, row.step) << row.what;
    EXPECT_EQ(status.rejected->error.code, row.code) << row.what << status.rejected->error.message;
    EXPECT_EQ(status.rejected->version, 5U) << row.what;
    EXPECT_EQ(source->Current(), good) << row.what;
    const std::string metrics = source->MetricsText();
    EXPECT_NE(metrics.find("cotter_update_rejected_total{step=\"" + std::string(row.step) +
                           "\",code=\"" + std::string(NameOf(row.code)) + "\"}"),
              std::string::npos)
        << metrics;
    world.now = 1'800'000'000;
    world.repository.Fail();
  }
  world.repository.Publish(PolicyText(6));
  EXPECT_EQ(source->Poll()->version, 6U);
  EXPECT_FALSE(source->Status().rejected);
}

TEST(RemotePolicy, AShippedPolicyIsInForceUntilAHigherOneIsSigned_S0_12_S3_38) {
  World world;
  world.repository.Fail(Error{Code::kFetchFailed, "no network"});
  RemoteOptions options = world.Options();
  options.base = PolicyText(3);
  {
    const auto source = world.Open(options).value();
    EXPECT_EQ(source->Current()->version(), 3U);
    world.repository.Fail();
    world.repository.Publish(PolicyText(2));
    EXPECT_EQ(source->Poll().error().code, Code::kPolicyRollback);
    EXPECT_EQ(source->Current()->version(), 3U);
    world.repository.Publish(PolicyText(4));
    EXPECT_EQ(source->Poll()->version, 4U);
  }
  // The same program again, without a network: what was signed is above what was shipped.
  world.repository.Fail(Error{Code::kFetchFailed, "no network"});
  EXPECT_EQ(world.Open(options).value()->Current()->version(), 4U);
  // A new release of the program may ship a newer one; it is taken, and stays.
  options.base = PolicyText(7);
  EXPECT_EQ(world.Open(options).value()->Current()->version(), 7U);
  options.base = PolicyText(3);
  EXPECT_EQ(world.Open(options).value()->Current()->version(), 7U);
}

// A shipped policy below the floor kept every update from being looked at.
TEST(RemotePolicy, AShippedPolicyBelowTheFloorKeepsNoUpdateOut_S3_13) {
  World world;
  world.repository.Publish(PolicyText(8));
  RemoteOptions options = world.Options();
  options.base = PolicyText(3);
  options.floor_file = world.state() + ".floor";
  EXPECT_EQ(world.Open(options).value()->Current()->version(), 8U);
  std::filesystem::remove_all(world.state());
  world.repository.Fail(Error{Code::kFetchFailed, "no network"});
  const auto none = world.Open(options);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kPolicyRollback);
  world.repository.Fail();
  EXPECT_EQ(world.Open(options).value()->Current()->version(), 8U);
}

TEST(RemotePolicy, APolicyOfAnotherEnvironmentIsRefused_S1_49_S2_26_S3_40) {
  World world;
  world.repository.Publish(PolicyText(1, "development"));
  const auto refused = world.Open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kWrongEnvironment);
  RemoteOptions options = world.Options();
  options.base = PolicyText(1, "development");
  EXPECT_EQ(world.Open(options).error().code, Code::kWrongEnvironment);
  world.repository.Publish(PolicyText(1, "development"), "development");
  options.environment = "development";
  EXPECT_EQ(world.Open(options).value()->Current()->environment(), "development");
}

TEST(RemotePolicy, AMismatchBringsOnePollAndAStormOfThemNoMore) {
  World world;
  world.repository.Publish(PolicyText(1));
  const auto source = world.Open().value();
  world.repository.Publish(PolicyText(2));
  for (int i = 0; i < 1000; ++i) source->NoteMismatch();
  EXPECT_EQ(world.AwaitEvents(2).version, 2U);
  // What it brought was new, so that the next one may bring another; that one brings nothing.
  source->NoteMismatch();
  EXPECT_EQ(world.AwaitEvents(3).outcome, PollOutcome::kUnchanged);
  for (int i = 0; i < 1000; ++i) source->NoteMismatch();
  ASSERT_TRUE(source->Poll());
  EXPECT_EQ(world.events(), 4U);  // asked for, not brought forward
  EXPECT_EQ(source->Status().early, 2U);
}

TEST(RemotePolicy, ThePolicyOfTheStateIsThereWithoutANetworkAndWithoutWaiting) {
  World world;
  world.repository.Publish(PolicyText(1));
  EXPECT_TRUE(world.Open());
  world.repository.Fail(Error{Code::kFetchFailed, "no network"});
  RemoteOptions options = world.Options();
  options.patience = std::chrono::milliseconds(0);
  const auto source = world.Open(options).value();
  EXPECT_EQ(source->Current()->version(), 1U);
  EXPECT_EQ(world.AwaitEvents(2).outcome, PollOutcome::kRejected);
}

TEST(RemotePolicy, WithoutAnyPolicyThereIsNoSource) {
  World world;
  world.repository.Fail(Error{Code::kFetchFailed, "no network"});
  EXPECT_EQ(world.Open().error().code, Code::kFetchFailed);
  RemoteOptions options = world.Options();
  options.patience = std::chrono::milliseconds(0);
  EXPECT_EQ(world.Open(options).error().code, Code::kFetchFailed);
  options.state.clear();
  EXPECT_EQ(world.Open(options).error().code, Code::kUsage);
}

// A state that was damaged is neither used nor a reason to go without: the shipped policy is not
// below what the state has seen, or it is not taken either.
TEST(RemotePolicy, ADamagedStateIsMendedByTheNextPoll_S3_13) {
  World world;
  world.repository.Publish(PolicyText(5));
  EXPECT_TRUE(world.Open());
  std::filesystem::resize_file(world.state() + "/policy.json", 100);
  RemoteOptions options = world.Options();
  options.base = PolicyText(3);
  world.repository.Fail(Error{Code::kFetchFailed, "no network"});
  EXPECT_EQ(world.Open(options).error().code, Code::kPolicySyntax);
  world.repository.Fail();
  EXPECT_EQ(world.Open(options).value()->Current()->version(), 5U);
}

TEST(RemotePolicy, WhoLetsGoOfItInsideASwapHarmsNothing) {
  World world;
  world.repository.Publish(PolicyText(1));
  auto source = world.Open().value();
  std::atomic<bool> let_go{false};
  const auto handle = source->Subscribe([&] {
    EXPECT_EQ(source->Poll().error().code, Code::kUsage);
    source.reset();
    let_go = true;
  });
  world.repository.Publish(PolicyText(2));
  source->NoteMismatch();
  world.AwaitEvents(2);
  EXPECT_TRUE(let_go);
}

}  // namespace
}  // namespace cotter::update
