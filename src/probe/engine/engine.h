// SPDX-License-Identifier: Apache-2.0
//
// The engine that looks at thousands of servers at once, on the one thread of an event loop: no
// thread for a connection, and a bounded number of connections, in all and to each address and
// network. A second thread verifies what was collected, so that a chain made to be slow delays
// nobody's time-outs. It carries none of the caller's data: a look is a handshake and, where
// wanted, a fixed HEAD request.
//
// Everything belongs to the loop's thread, and the answers come there.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/async/event_loop.h"
#include "probe/engine/facts.h"
#include "probe/engine/question.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::probe {

// RateLimits keep the engine from being taken for an attack. Zero is no limit.
struct RateLimits {
  std::size_t open_per_address = 4;
  std::size_t open_per_network = 64;        // a network is a /24 of IPv4 and a /48 of IPv6
  std::size_t per_address_per_second = 20;  // connections begun
  std::size_t per_network_per_second = 200;
  bool spare_loopback = true;  // this machine may ask itself as fast as it can
};

// Who is asked for the addresses of a name.
enum class NameSource : std::uint8_t {
  kDns,     // /etc/hosts and DNS, by c-ares: no thread for a name
  kSystem,  // the system's name service, LDAP and mDNS too, by a thread for each name in question
};

// EngineOptions are the engine's own, for all questions.
struct EngineOptions {
  std::size_t most_open = 512;    // connections at once
  std::size_t most_lookups = 64;  // names in question at once
  RateLimits rates;
  NameSource names = NameSource::kDns;   // with kSystem `most_lookups` is no bound
  std::string name_servers;              // "ADDR[:PORT],..."; empty: those of the system
  std::function<Time()> clock;           // what certificates are judged by; null: base::Now
  std::chrono::seconds keep_judged{60};  // a judged chain holds this long for the same bytes
  std::size_t most_judged = 2048;        // that are kept; each has some 20 KiB
};

// Engine must end before its loop. Questions that are not answered by then never are.
class Engine {
 public:
  using Answer = std::function<void(HostFacts)>;

  // Create fails with kInternal where OpenSSL, and with kDnsFailed where the name service cannot be
  // set up (name_servers that are no addresses: kUsage).
  [[nodiscard]] static Result<std::unique_ptr<Engine>> Create(net::EventLoop& loop,
                                                              EngineOptions options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // Ask looks at every address of the question's target, and calls `answer` once, later. Questions
  // beyond what may be open wait in the order of their asking; whoever has a million keeps an eye
  // on pending().
  void Ask(Question question, Answer answer);

  // pending is the questions that have no answer yet; open is the connections that are open.
  [[nodiscard]] std::size_t pending() const noexcept;
  [[nodiscard]] std::size_t open() const noexcept;

  [[nodiscard]] const Tally& tally() const noexcept;

 private:
  class State;
  explicit Engine(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace cotter::probe
