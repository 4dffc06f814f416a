// SPDX-License-Identifier: Apache-2.0
//
// Names to addresses for many names at once, without a thread for each: DNS by c-ares on the event
// loop, after /etc/hosts, A and AAAA together. It follows /etc/resolv.conf and nothing else of the
// system's name service (no LDAP, no mDNS); Resolver does, a thread a name. For the loop's thread.
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
#include <cotter/result.h>

namespace cotter::net {

// NameServiceOptions say whom to ask, and how many questions at once.
struct NameServiceOptions {
  std::string servers;         // "ADDR[:PORT],..."; empty: those of /etc/resolv.conf
  std::size_t most_open = 64;  // more would overflow what a small resolver keeps
};

class NameService {
 public:
  using Answer = std::function<void(Result<std::vector<Address>>)>;

  // Create fails with kUsage for servers that are no addresses, and with kDnsFailed where c-ares
  // cannot be set up. `loop` outlives the result.
  [[nodiscard]] static Result<std::unique_ptr<NameService>> Create(
      EventLoop& loop, const NameServiceOptions& options);
  NameService(const NameService&) = delete;
  NameService& operator=(const NameService&) = delete;

  // What is still in question when the service ends is dropped.
  ~NameService();

  // LookUp calls `answer` later with every address of `name` that `family` allows, each once, at
  // most kMaxAddresses of them; an address literal is its own. Fails with kDnsFailed, or with
  // kConnectTimeout after `timeout`, which begins when the question is put: those beyond
  // `most_open` wait in their order.
  void LookUp(const std::string& name, std::uint16_t port, Family family,
              std::chrono::milliseconds timeout, Answer answer);

 private:
  class State;
  explicit NameService(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace cotter::net
