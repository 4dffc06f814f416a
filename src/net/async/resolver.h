// SPDX-License-Identifier: Apache-2.0
//
// Names to addresses without stopping the event loop, by the system's resolver: each look-up of a
// name runs in a thread of its own, because the system's call cannot be cancelled. For the loop's
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/async/event_loop.h"
#include <cotter/result.h>

namespace cotter::net {

class Resolver {
 public:
  using Answer = std::function<void(Result<std::vector<Address>>)>;

  // `loop` outlives the resolver. What is still being looked up when the resolver ends is dropped.
  explicit Resolver(EventLoop& loop);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // LookUp calls `answer` on the loop's thread, later, with what net::Resolve gives.
  void LookUp(const std::string& name, std::uint16_t port, Family family,
              std::chrono::milliseconds timeout, Answer answer);

 private:
  struct Home;

  std::shared_ptr<Home> home_;
};

}  // namespace cotter::net
