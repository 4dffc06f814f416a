// SPDX-License-Identifier: Apache-2.0
//
// Signals as events of a loop. For the loop's thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

#include "net/async/event_loop.h"

namespace cotter::net {

// BlockSignals blocks `signals` for the calling thread, and those that it starts later, for good:
// for programs that start threads before they watch. Fails with kNetworkError.
[[nodiscard]] Result<void> BlockSignals(std::initializer_list<int> signals);

class SignalWatch final : public EventHandler {
 public:
  // Start blocks `signals` for the calling thread, and those that it starts later, for good, and
  // calls `caught` with the number of each that arrives. `loop` outlives the watch. Fails with
  // kNetworkError.
  [[nodiscard]] static Result<std::unique_ptr<SignalWatch>> Start(
      EventLoop& loop, std::initializer_list<int> signals, std::function<void(int)> caught);

  void OnReady(Readiness ready) override;

 private:
  SignalWatch(Socket descriptor, std::function<void(int)> caught)
      : descriptor_(std::move(descriptor)), caught_(std::move(caught)) {}

  Socket descriptor_;
  std::function<void(int)> caught_;
  Watch watch_;
};

}  // namespace cotter::net
