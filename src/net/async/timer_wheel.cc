// SPDX-License-Identifier: Apache-2.0
#include "net/async/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace cotter::net {
namespace {

constexpr std::uint64_t BitOf(std::size_t slot) { return std::uint64_t{1} << (slot % 64); }

}  // namespace

void Timer::ArmAt(MonotonicTime due) noexcept {
  due_ = due;
  armed_ = true;
  // A timer that only moves further away stays where it is: its slot will put it back.
  const std::int64_t tick = TimerWheel::TickOf(due) + 1;
  if (linked_ && tick_ <= tick) return;
  if (linked_) wheel_->Unlink(*this);
  wheel_->Link(*this);
}

void Timer::Cancel() noexcept {
  armed_ = false;
  if (linked_) wheel_->Unlink(*this);
}

void TimerWheel::Link(Timer& timer) noexcept {
  const std::int64_t last = current_ + static_cast<std::int64_t>(kSlots) - 1;
  timer.tick_ = std::clamp(TickOf(timer.due_) + 1, current_ + 1, last);
  const std::size_t slot = static_cast<std::size_t>(timer.tick_) % kSlots;
  timer.previous_ = nullptr;
  timer.next_ = slots_[slot];
  if (timer.next_ != nullptr) timer.next_->previous_ = &timer;
  slots_[slot] = &timer;
  filled_[slot / 64] |= BitOf(slot);
  timer.linked_ = true;
}

void TimerWheel::Unlink(Timer& timer) noexcept {
  const std::size_t slot = static_cast<std::size_t>(timer.tick_) % kSlots;
  if (timer.previous_ != nullptr) {
    timer.previous_->next_ = timer.next_;
  } else {
    slots_[slot] = timer.next_;
  }
  if (timer.next_ != nullptr) timer.next_->previous_ = timer.previous_;
  if (slots_[slot] == nullptr) filled_[slot / 64] &= ~BitOf(slot);
  timer.linked_ = false;
}

void TimerWheel::Advance(MonotonicTime now) {
  const std::int64_t end = TickOf(now);
  // After a long pause each slot is looked at once.
  current_ = std::max(current_, end - static_cast<std::int64_t>(kSlots));
  while (current_ < end) {
    ++current_;
    const std::size_t slot = static_cast<std::size_t>(current_) % kSlots;
    // Whatever is linked meanwhile goes into later slots, so this ends.
    while (Timer* const timer = slots_[slot]) {
      Unlink(*timer);
      if (!timer->armed_) continue;
      if (timer->due_ > now) {
        Link(*timer);
        continue;
      }
      timer->armed_ = false;
      timer->fire_();
    }
  }
}

std::optional<std::chrono::milliseconds> TimerWheel::UntilNext(MonotonicTime now) const {
  const std::size_t first = static_cast<std::size_t>(current_ + 1) % kSlots;
  for (std::size_t step = 0; step < kSlots;) {
    const std::size_t slot = (first + step) % kSlots;
    const std::uint64_t rest = filled_[slot / 64] >> (slot % 64);
    if (rest == 0) {
      step += 64 - slot % 64;
      continue;
    }
    step += static_cast<std::size_t>(std::countr_zero(rest));
    const std::int64_t tick = current_ + 1 + static_cast<std::int64_t>(step);
    const auto at = MonotonicTime(kTick * tick);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - now);
    return std::max(left, std::chrono::milliseconds(0));
  }
  return std::nullopt;
}

}  // namespace cotter::net
