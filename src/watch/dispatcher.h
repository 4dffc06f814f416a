// SPDX-License-Identifier: Apache-2.0
//
// Brings notifications to sinks: queued for each, on disk before anything is sent, tried again
// until the sink has taken them. Alertmanager is told again and again of what is open, because it
// forgets. For the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/async/event_loop.h"
#include "watch/alert_book.h"
#include "watch/config.h"
#include "watch/outbox.h"
#include "watch/sink.h"
#include "watch/state.h"
#include "watch/worker.h"
#include <cotter/result.h>

namespace cotter::watch {

class Dispatcher {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  // SinkFacts is a sink for the figures.
  struct SinkFacts {
    std::string name;
    std::size_t waiting = 0;
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;
    std::uint64_t dropped = 0;
    std::uint64_t failing_in_a_row = 0;
    std::string last_error;
  };

  // `loop` and `state` outlive the object.
  Dispatcher(net::EventLoop& loop, State& state) : loop_(loop), state_(state) {}
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Configure makes the sinks; what waits for one that keeps its name stays. Fails where one cannot
  // be made, and changes nothing then.
  [[nodiscard]] Result<void> Configure(const std::vector<SinkConfig>& sinks,
                                       const DeliveryConfig& delivery);

  // Restore puts back what waited when the last process ended. Entries of sinks that are gone are
  // dropped, and told in the log.
  void Restore(std::vector<StoredEntry> entries);

  // Notify queues a notification for each sink that wants it, and notes it in the state. Nothing is
  // sent before Pump.
  void Notify(const Notification& notification);

  // Pump begins what is due. `firing` is what is open, for sinks that are to be reminded.
  void Pump(SteadyTime now, Time wall, const std::function<std::vector<Notification>()>& firing);

  // PutAll notes everything that waits in the state anew.
  void PutAll();

  // is_idle reports that nothing waits that could be sent now, and nothing is being sent.
  [[nodiscard]] bool is_idle(SteadyTime now) const;

  [[nodiscard]] std::vector<SinkFacts> Facts() const;

 private:
  struct Slot {
    SinkConfig config;
    std::shared_ptr<Sink> sink;
    Outbox outbox;
    std::unique_ptr<Worker> worker;
    std::uint64_t sent = 0;
    std::string last_error;
    SteadyTime reminded{};
  };

  [[nodiscard]] static bool Wants(const Slot& slot, const Notification& notification);
  void Send(Slot& slot, const OutboxEntry& entry, Time wall);
  void OnSent(const std::string& name, std::int64_t id, const Result<void>& sent);
  void Remind(Slot& slot, SteadyTime now, Time wall, std::vector<Notification> firing);
  Slot* Find(const std::string& name);

  net::EventLoop& loop_;
  State& state_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::int64_t last_id_ = 0;
};

}  // namespace cotter::watch
