// SPDX-License-Identifier: Apache-2.0
//
// Looks at the servers of a fleet for ever, each at its time. For the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "net/async/event_loop.h"
#include "probe/engine/engine.h"
#include "watch/config.h"
#include "watch/fleet.h"
#include "watch/schedule.h"
#include <cotter/result.h>

namespace cotter::watch {

class Rounds {
 public:
  using Looked = std::function<void(Server&, const probe::HostFacts&)>;

  // `loop` outlives the object; `looked` is told of each look. Fails where the engine cannot be
  // made.
  [[nodiscard]] static Result<std::unique_ptr<Rounds>> Create(net::EventLoop& loop,
                                                              const ProbeConfig& config,
                                                              Looked looked);
  Rounds(const Rounds&) = delete;
  Rounds& operator=(const Rounds&) = delete;

  // Follow looks at the servers of `fleet` from now on, which outlives the object or the next
  // Follow. Answers to earlier questions are dropped.
  void Follow(Fleet& fleet);

  // AskAll looks at each server once, and calls `done` when all have answered.
  void AskAll(Fleet& fleet, std::function<void()> done);

  // Ask asks one question of somebody else's.
  void Ask(probe::Question question, probe::Engine::Answer answer) {
    engine_->Ask(std::move(question), std::move(answer));
  }

  // Stop begins no more looks.
  void Stop();

  [[nodiscard]] const probe::Engine& engine() const noexcept { return *engine_; }

 private:
  Rounds(net::EventLoop& loop, std::size_t most, Looked looked);
  void OnTimer();
  void Look(std::size_t index);
  void OnAnswer(std::uint64_t generation, std::size_t index, const probe::HostFacts& facts);
  void Arm();

  net::EventLoop& loop_;
  std::size_t most_;  // questions at once
  Looked looked_;
  std::unique_ptr<probe::Engine> engine_;
  Schedule schedule_;
  net::Timer timer_;
  Fleet* fleet_ = nullptr;
  std::uint64_t generation_ = 0;
  std::function<void()> done_;  // of AskAll
  std::size_t unanswered_ = 0;
};

}  // namespace cotter::watch
