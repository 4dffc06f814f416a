// SPDX-License-Identifier: Apache-2.0
//
// Where notifications go. A sink waits for whoever it tells, so it is called on a worker's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "watch/alert_book.h"
#include "watch/config.h"
#include <cotter/client.h>
#include <cotter/openssl.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::watch {

// Carriers are what sinks send through, shared by all of them.
struct Carriers {
  std::function<Result<client::Client>(std::chrono::milliseconds timeout)> make_client;
  std::optional<tls::Enforcer> enforcer;  // of mail; set where a sink sends mail
};

// MakeCarriers reads the trust and the pins that sinks and collectors are held against. Fails with
// what is wrong in them.
[[nodiscard]] Result<Carriers> MakeCarriers(const DeliveryConfig& delivery);

// Sink tells. For one thread at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  // Tell is success where the receiver has taken the notifications; several at once are for
  // Alertmanager alone. Fails with kAlertUndelivered, and what the receiver said.
  [[nodiscard]] virtual Result<void> Tell(std::span<const Notification> notifications,
                                          Time now) = 0;

 protected:
  Sink() = default;
};

// MakeSink makes the sink of `config`. Fails where it cannot work at all.
[[nodiscard]] Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config,
                                                     const Carriers& carriers);

// MakeCommandSink runs a program for each notification: no shell, the object of GenericJson on its
// standard input, and a time in which it must end well.
[[nodiscard]] std::unique_ptr<Sink> MakeCommandSink(const SinkConfig& config);

// Alertmanager resolves what nobody has repeated for this long; watch repeats every fifth of it.
inline constexpr std::int64_t kAlertLifetimeSeconds = 300;

}  // namespace cotter::watch
