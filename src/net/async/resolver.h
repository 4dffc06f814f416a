// SPDX-License-Identifier: Apache-2.0
//
// Names to addresses without stopping the event loop, by the system's resolver: each look-up of a
// name runs in a thread of its own, because the system's call cannot be cancelled. No more than
// kMostAtOnce run; the others wait their turn, on their own time. For the loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/async/event_loop.h"
#include "net/deadline.h"
#include "net/resolve.h"
#include <cotter/result.h>

namespace cotter::net {

class Resolver {
 public:
  using Answer = std::function<void(Result<std::vector<Address>>)>;
  using Ask = std::function<Result<std::vector<Address>>(const std::string& name,
                                                         std::uint16_t port, Family, Deadline)>;

  static constexpr std::size_t kMostAtOnce = 64;

  // `loop` outlives the resolver. What is still being looked up when the resolver ends is dropped.
  // `ask` is called on other threads, also when the resolver is gone.
  explicit Resolver(EventLoop& loop, Ask ask = Resolve);
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
