// SPDX-License-Identifier: Apache-2.0
#include "net/async/resolver.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cotter::net {
namespace {

using std::chrono_literals::operator""s;

// System is a resolver of which no call ends before it is let go. Shared, because threads that ask
// it outlive the test's Resolver.
struct System {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t inside = 0;
  std::size_t most = 0;
  bool open = false;

  Result<std::vector<Address>> Ask(const std::string& name) {
    std::unique_lock lock(mutex);
    most = std::max(most, ++inside);
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
    --inside;
    changed.notify_all();
    return Error{Code::kDnsFailed, name};
  }

  void WaitForCalls(std::size_t wanted) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside >= wanted; });
  }

  void Open() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
};

Resolver::Ask Asking(const std::shared_ptr<System>& system) {
  return [system](const std::string& name, std::uint16_t, Family, Deadline) {
    return system->Ask(name);
  };
}

TEST(ResolverTest, RunsSoManyLookUpsAtOnceAndAnswersAll) {
  constexpr int kQuestions = 500;
  const auto system = std::make_shared<System>();
  auto loop = EventLoop::Create();
  ASSERT_TRUE(loop);
  Resolver resolver(**loop, Asking(system));
  std::vector<std::string> answered;
  for (int i = 0; i < kQuestions; ++i) {
    resolver.LookUp("name" + std::to_string(i), 443, Family::kAny, 60s,
                    [&](const Result<std::vector<Address>>& found) {
                      answered.push_back(found.error().message);
                      if (answered.size() == kQuestions) (*loop)->Stop();
                    });
  }
  system->WaitForCalls(Resolver::kMostAtOnce);
  system->Open();
  (*loop)->Run();
  EXPECT_EQ(system->most, Resolver::kMostAtOnce);
  EXPECT_EQ(answered.size(), kQuestions);
  EXPECT_THAT(answered, testing::Contains("name499"));
}

TEST(ResolverTest, MayEndWhileOthersWait) {
  const auto system = std::make_shared<System>();
  auto loop = EventLoop::Create();
  ASSERT_TRUE(loop);
  int answers = 0;
  {
    Resolver resolver(**loop, Asking(system));
    for (std::size_t i = 0; i < 2 * Resolver::kMostAtOnce; ++i) {
      resolver.LookUp("name", 443, Family::kAny, 60s, [&](const auto&) { ++answers; });
    }
    system->WaitForCalls(Resolver::kMostAtOnce);
  }
  system->Open();
  {
    std::unique_lock lock(system->mutex);
    system->changed.wait(lock, [&] { return system->inside == 0; });
  }
  EXPECT_EQ(answers, 0);
  EXPECT_EQ(system->most, Resolver::kMostAtOnce) << "those that waited were asked after the end";
}

}  // namespace
}  // namespace cotter::net
