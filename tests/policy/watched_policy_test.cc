// SPDX-License-Identifier: Apache-2.0
//
// A policy file that changes, vanishes and breaks while a program follows it. Where nothing is said
// of time, the test itself has the file looked at.
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include <cotter/policy_file_source.h>

namespace cotter {
namespace {

using namespace std::chrono_literals;

std::string Text(int version, std::string_view environment = "production",
                 std::string_view hosts = "a.example b.example") {
  std::string text = "[policy]\nname = \"test\"\nenvironment = \"" + std::string(environment) +
                     "\"\nversion = " + std::to_string(version) + "\n";
  while (!hosts.empty()) {
    const std::size_t end = std::min(hosts.find(' '), hosts.size());
    text += "[[host]]\npattern = \"" + std::string(hosts.substr(0, end)) +
            "\"\npins = [{ pin = \"sha256/pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=\" }]\n";
    hosts.remove_prefix(std::min(end + 1, hosts.size()));
  }
  return text;
}

// Followed is a policy file and its source.
class Followed {
 public:
  explicit Followed(const std::string& text) {
    directory_.Write("policy.toml", text);
    WatchOptions options;
    options.path = directory_.File("policy.toml");
    options.interval = 0ms;
    options.on_failure = [this](const Error& error) { told.push_back(error.code); };
    source = WatchedPolicy::Open(std::move(options)).value();
  }

  Result<void> Becomes(const std::string& text) {
    directory_.Write("policy.toml", text);
    return source->Refresh();
  }

  Result<void> Vanishes() {
    std::filesystem::remove(directory_.File("policy.toml"));
    return source->Refresh();
  }

  std::vector<Code> told;
  std::shared_ptr<WatchedPolicy> source;

 private:
  test::TempDir directory_;
};

TEST(WatchedPolicy, NewVersionIsInForceWhenSubscribersHearOfIt) {
  Followed file(Text(1));
  std::uint64_t seen = 0;
  const auto handle = file.source->Subscribe([&] { seen = file.source->Current()->version(); });
  EXPECT_TRUE(file.Becomes(Text(2)));
  EXPECT_EQ(seen, 2U);
  seen = 0;
  EXPECT_TRUE(file.Becomes("# only a comment is new\n" + Text(2)));
  EXPECT_EQ(seen, 0U);
  EXPECT_FALSE(file.source->LastFailure());
}

// Whatever becomes of the file, the last good policy stays, and each failure is told once.
TEST(WatchedPolicy, BrokenFileLeavesTheLastGoodPolicyAndIsTold) {
  Followed file(Text(5));
  const auto good = file.source->Current();
  const struct {
    const char* what;
    std::string text;
    Code code;
  } table[] = {
      {"empty", "", Code::kPolicyInvalid},
      {"cut in a line", Text(6).substr(0, 40), Code::kPolicySyntax},
      {"garbage",
       std::string("\x7f"
                   "ELF\0\1\2",
                   7),
       Code::kPolicySyntax},
      {"a cut compiled policy", std::string(good->image().begin(), good->image().end() - 9),
       Code::kCacheInvalid},
      {"a rule without pins", Text(6) + "[[host]]\npattern = \"c.example\"\n",
       Code::kPolicyNoUsablePin},
      {"of another environment", Text(6, "staging"), Code::kWrongEnvironment},
      {"of an earlier version", Text(4), Code::kPolicyRollback},
      // Cut between two rules it is a whole policy, with less in it.
      {"cut between rules", Text(5, "production", "a.example"), Code::kPolicyRollback},
  };
  for (const auto& row : table) {
    file.told.clear();
    for (int i = 0; i < 2; ++i) {
      const Result<void> refreshed = file.Becomes(row.text);
      ASSERT_FALSE(refreshed) << row.what;
      EXPECT_EQ(refreshed.error().code, row.code) << row.what << ": " << refreshed.error().message;
    }
    EXPECT_EQ(file.told, std::vector<Code>{row.code}) << row.what;
    EXPECT_EQ(file.source->LastFailure()->code, row.code) << row.what;
    EXPECT_EQ(file.source->Current(), good) << row.what;
  }
  EXPECT_FALSE(file.Vanishes());
  EXPECT_EQ(file.source->LastFailure()->code, Code::kFileUnreadable);
  EXPECT_EQ(file.source->Current(), good);
  EXPECT_TRUE(file.Becomes(Text(6)));
  EXPECT_FALSE(file.source->LastFailure());
  EXPECT_EQ(file.source->Current()->version(), 6U);
}

TEST(WatchedPolicy, CompiledPolicyIsFollowedToo) {
  Followed file(Text(1));
  Followed other(Text(2));
  const ByteView image = other.source->Current()->image();
  EXPECT_TRUE(file.Becomes(std::string(image.begin(), image.end())));
  EXPECT_EQ(file.source->Current()->version(), 2U);
}

TEST(WatchedPolicy, UnusableFileAtStartIsARefusal) {
  const test::TempDir directory;
  WatchOptions options;
  options.path = directory.File("policy.toml");
  options.interval = 0ms;
  const auto code = [&] {
    const auto source = WatchedPolicy::Open(options);
    return source ? std::optional<Code>() : source.error().code;
  };
  EXPECT_EQ(code(), Code::kFileUnreadable);
  directory.Write("policy.toml", "[policy]\nname = ");
  EXPECT_EQ(code(), Code::kPolicySyntax);
  directory.Write("policy.toml", Text(1));
  options.environment = "staging";
  EXPECT_EQ(code(), Code::kWrongEnvironment);
  options.environment = "production";
  EXPECT_EQ(code(), std::nullopt);
  options.path.clear();
  EXPECT_EQ(code(), Code::kUsage);
}

// The object's own thread sees an exchanged file, a removed one, and the next.
TEST(WatchedPolicy, ThreadFollowsTheFile) {
  const test::TempDir directory;
  directory.Write("policy.toml", Text(1));
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<Code> told;
  WatchOptions options;
  options.path = directory.File("policy.toml");
  options.interval = 1ms;
  options.on_failure = [&](const Error& error) {
    const std::lock_guard<std::mutex> lock(mutex);
    told.push_back(error.code);
    wake.notify_all();
  };
  const auto source = WatchedPolicy::Open(options).value();
  std::uint64_t version = 0;
  const auto handle = source->Subscribe([&] {
    const std::lock_guard<std::mutex> lock(mutex);
    version = source->Current()->version();
    wake.notify_all();
  });
  const auto wait = [&](const auto& holds) {
    std::unique_lock<std::mutex> lock(mutex);
    return wake.wait_for(lock, 20s, holds);
  };
  std::filesystem::rename(directory.Write("next", Text(2)), options.path);
  EXPECT_TRUE(wait([&] { return version == 2; }));
  std::filesystem::remove(options.path);
  EXPECT_TRUE(wait([&] { return told == std::vector<Code>{Code::kFileUnreadable}; }));
  std::filesystem::rename(directory.Write("next", Text(3)), options.path);
  EXPECT_TRUE(wait([&] { return version == 3; }));
}

// An enforcer that hears of a new policy may be the last to hold the source, on the source's own
// thread.
TEST(WatchedPolicy, MayBeLetGoByWhomItCalls) {
  const test::TempDir directory;
  for (const bool fails : {false, true}) {
    directory.Write("policy.toml", Text(1));
    const auto gone = std::make_shared<std::promise<void>>();
    std::shared_ptr<WatchedPolicy> source;
    const auto let_go = [&source, gone] {
      source.reset();
      gone->set_value();
    };
    WatchOptions options;
    options.path = directory.File("policy.toml");
    options.interval = 1ms;
    options.on_failure = [let_go](const Error&) { let_go(); };
    source = WatchedPolicy::Open(std::move(options)).value();
    const std::shared_ptr<void> handle = source->Subscribe(let_go);
    std::filesystem::rename(directory.Write("next", fails ? "broken" : Text(2)),
                            directory.File("policy.toml"));
    ASSERT_EQ(gone->get_future().wait_for(20s), std::future_status::ready);
  }
  Followed file(Text(1));
  const std::shared_ptr<void> handle = file.source->Subscribe([&] { file.source.reset(); });
  EXPECT_TRUE(file.Becomes(Text(2)));
}

}  // namespace
}  // namespace cotter
