// SPDX-License-Identifier: Apache-2.0
#include "net/async/resolver.h"

#include <mutex>
#include <thread>
#include <utility>

#include <system_error>

#include "net/resolve.h"

namespace cotter::net {

// Home is what threads that are left behind may still look at.
struct Resolver::Home {
  std::mutex mutex;
  EventLoop* loop = nullptr;  // null once the resolver is gone

  void Send(std::function<void()> task) {
    const std::lock_guard lock(mutex);
    if (loop != nullptr) loop->Post(std::move(task));
  }
};

Resolver::Resolver(EventLoop& loop) : home_(std::make_shared<Home>()) { home_->loop = &loop; }

Resolver::~Resolver() {
  const std::lock_guard lock(home_->mutex);
  home_->loop = nullptr;
}

void Resolver::LookUp(const std::string& name, std::uint16_t port, Family family,
                      std::chrono::milliseconds timeout, Answer answer) {
  const Deadline deadline = Deadline::After(timeout);
  // Only the loop's thread may touch what `answer` holds, so it travels in a box.
  auto boxed = std::make_shared<Answer>(std::move(answer));
  const auto home = home_;
  try {
    std::thread([home, boxed, name, port, family, deadline]() mutable {
      auto found =
          std::make_shared<Result<std::vector<Address>>>(Resolve(name, port, family, deadline));
      home->Send([home, boxed = std::move(boxed), found] {
        // The resolver may have ended between the sending and now.
        if (home->loop != nullptr) (*boxed)(std::move(*found));
      });
    }).detach();
  } catch (const std::system_error&) {
    home->Send([boxed] { (*boxed)(Error{Code::kDnsFailed, "no thread is left for a look-up"}); });
  }
}

}  // namespace cotter::net
