// SPDX-License-Identifier: Apache-2.0
//
// Time-outs for many thousand connections: arming and cancelling one costs a few stores, and moving
// one further away, what happens at every request, costs a single store. Coarse: a timer fires up
// to kTick late, never early. For one thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace cotter::net {

using MonotonicTime = std::chrono::steady_clock::time_point;

class Timer;

// TimerWheel holds armed timers in slots of kTick each. It must outlive its timers.
class TimerWheel {
 public:
  // How late a timer may be. Time-outs are seconds.
  static constexpr std::chrono::milliseconds kTick{50};

  explicit TimerWheel(MonotonicTime now) noexcept : current_(TickOf(now)) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Advance fires what is due at `now`. Callbacks may arm, cancel and destroy any timer.
  void Advance(MonotonicTime now);

  // UntilNext is how long nothing is due, seen from `now`; nullopt where nothing is armed.
  [[nodiscard]] std::optional<std::chrono::milliseconds> UntilNext(MonotonicTime now) const;

 private:
  friend class Timer;

  // 25.6 s of slots; a timer further away waits in the last one and is put back from there.
  static constexpr std::size_t kSlots = 512;

  [[nodiscard]] static std::int64_t TickOf(MonotonicTime time) noexcept {
    return time.time_since_epoch() / kTick;
  }
  void Link(Timer& timer) noexcept;
  void Unlink(Timer& timer) noexcept;

  std::array<Timer*, kSlots> slots_{};
  std::array<std::uint64_t, kSlots / 64> filled_{};  // a bit for each slot with timers
  std::int64_t current_;                             // everything up to this tick has fired
};

// Timer calls a function once after a time. Not movable: the wheel knows its address.
class Timer {
 public:
  Timer(TimerWheel& wheel, std::function<void()> fire) : wheel_(&wheel), fire_(std::move(fire)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { Cancel(); }

  // ArmAt makes the timer fire at `due`, in place of what it was armed for before.
  void ArmAt(MonotonicTime due) noexcept;
  void Cancel() noexcept;
  [[nodiscard]] bool armed() const noexcept { return armed_; }

 private:
  friend class TimerWheel;

  TimerWheel* wheel_;
  std::function<void()> fire_;
  MonotonicTime due_{};
  std::int64_t tick_ = 0;  // the slot it is linked in; at most the tick of `due_`
  Timer* next_ = nullptr;
  Timer* previous_ = nullptr;
  bool linked_ = false;
  bool armed_ = false;
};

}  // namespace cotter::net
