// SPDX-License-Identifier: Apache-2.0
//
// Who may connect when: a bound on connections in all, and for each address and network one on
// those that are open and one on those that begin in a second. Whoever must wait does so without
// keeping others from their turn. For the loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "net/address.h"
#include "net/async/event_loop.h"
#include "probe/engine/engine.h"

namespace cotter::probe {

class Gate {
 public:
  // `loop` outlives the gate. Callbacks that still wait when it ends are dropped.
  Gate(net::EventLoop& loop, std::size_t most_open, const RateLimits& rates);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Enter calls `go`, now or later, when a connection to `address` may begin. After that, and only
  // then, Leave must be called once for it.
  void Enter(const net::Address& address, std::function<void()> go);
  void Leave(const net::Address& address);

  [[nodiscard]] std::size_t open() const noexcept { return open_; }

 private:
  // Bucket is one bound: what is open, and when the next may begin. `due` runs ahead of the clock
  // by the interval for each that begins (the generic cell rate algorithm).
  struct Bucket {
    std::size_t open = 0;
    net::MonotonicTime due{};
  };
  struct Network {
    Bucket bucket;
    std::deque<std::string> parked;  // addresses that wait for one of its connections to end
  };
  struct Place {
    Bucket bucket;
    std::string network;
    std::deque<std::function<void()>> waiting;
    bool spared = false;
    bool queued = false;  // in ready_, delayed_ or a network's parked
  };

  Place& PlaceOf(const net::Address& address, const std::string& key);
  void Queue(const std::string& key, Place& place);
  void Unpark(Network& network);
  void Pump();
  bool MayBegin(const std::string& key, Place& place);
  void Sweep();

  std::size_t most_open_;
  RateLimits rates_;
  std::size_t open_ = 0;
  std::size_t sweep_at_;
  bool pumping_ = false;
  std::unordered_map<std::string, Place> places_;
  std::unordered_map<std::string, Network> networks_;
  std::deque<std::string> ready_;
  std::multimap<net::MonotonicTime, std::string> delayed_;
  net::Timer timer_;
};

}  // namespace cotter::probe
