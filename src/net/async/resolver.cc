// SPDX-License-Identifier: Apache-2.0
#include "net/async/resolver.h"

#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include <system_error>

#include "net/resolve.h"

namespace cotter::net {

// Home is what threads that are left behind may still look at.
struct Resolver::Home {
  std::mutex mutex;
  std::condition_variable ended;
  EventLoop* loop = nullptr;  // null once the resolver is gone

  // EndsWithin waits for the end of the resolver, and reports whether it came.
  bool EndsWithin(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return ended.wait_for(lock, time, [this] { return loop == nullptr; });
  }

  void Send(std::function<void()> task) {
    const std::lock_guard lock(mutex);
    if (loop != nullptr) loop->Post(std::move(task));
  }
};

namespace {

constexpr std::chrono::milliseconds kMemoryPause{100};

template <typename Work>
bool HadMemoryFor(const Work& work) {
  try {
    work();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace

Resolver::Resolver(EventLoop& loop) : home_(std::make_shared<Home>()) { home_->loop = &loop; }

Resolver::~Resolver() {
  {
    const std::lock_guard lock(home_->mutex);
    home_->loop = nullptr;
  }
  home_->ended.notify_all();
}

void Resolver::LookUp(const std::string& name, std::uint16_t port, Family family,
                      std::chrono::milliseconds timeout, Answer answer) {
  const Deadline deadline = Deadline::After(timeout);
  // Only the loop's thread may touch what `answer` holds, so it travels in a box.
  auto boxed = std::make_shared<Answer>(std::move(answer));
  const auto home = home_;
  try {
    std::thread([home, boxed, name, port, family, deadline] {
      const auto answer_now = [&] {
        auto found =
            std::make_shared<Result<std::vector<Address>>>(Resolve(name, port, family, deadline));
        home->Send([home, boxed, found] {
          // The resolver may have ended between the sending and now.
          if (home->loop != nullptr) (*boxed)(std::move(*found));
        });
      };
      // Whoever asked waits for an answer, so it is tried until there is memory for one.
      while (!HadMemoryFor(answer_now) && !home->EndsWithin(kMemoryPause)) continue;
    }).detach();
  } catch (const std::system_error&) {
    home->Send([boxed] { (*boxed)(Error{Code::kDnsFailed, "no thread is left for a look-up"}); });
  }
}

}  // namespace cotter::net
