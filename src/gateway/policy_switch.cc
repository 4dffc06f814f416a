// SPDX-License-Identifier: Apache-2.0
#include "gateway/policy_switch.h"

#include <mutex>
#include <utility>

namespace cotter::gateway {

struct PolicySwitch::State {
  explicit State(std::shared_ptr<PolicySource> first)
      : held(first->Current()), source(std::move(first)) {}

  // Take puts what `from` says into force, unless another source is followed by now. One at a time,
  // so that of two swaps the later one's policy stays.
  void Take(const PolicySource* from) {
    const std::lock_guard<std::mutex> my_turn(turn);
    const std::shared_ptr<PolicySource> followed = Source();
    if (followed.get() == from) held.Set(followed->Current());
  }

  std::shared_ptr<PolicySource> Source() {
    const std::lock_guard<std::mutex> lock(mutex);
    return source;
  }

  HeldPolicy held;
  std::mutex turn;                       // held while subscribers are called
  std::mutex mutex;                      // never is
  std::shared_ptr<PolicySource> source;  // under the mutex
};

PolicySwitch::PolicySwitch(std::shared_ptr<PolicySource> source)
    : state_(std::make_shared<State>(source)), subscription_(Listen(*source)) {
  // What was swapped between the two.
  state_->Take(source.get());
}

PolicySwitch::~PolicySwitch() = default;

// A call that has begun may outlive the subscription, and this object.
std::shared_ptr<void> PolicySwitch::Listen(PolicySource& source) {
  return source.Subscribe([weak = std::weak_ptr<State>(state_), from = &source] {
    if (const std::shared_ptr<State> state = weak.lock()) state->Take(from);
  });
}

void PolicySwitch::Follow(std::shared_ptr<PolicySource> source) {
  subscription_ = Listen(*source);
  std::shared_ptr<PolicySource> before = source;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->source.swap(before);  // what was followed ends after the lock
  }
  state_->Take(source.get());
}

std::shared_ptr<const PolicyIndex> PolicySwitch::Current() const noexcept {
  return state_->held.Current();
}

std::shared_ptr<void> PolicySwitch::Subscribe(std::function<void()> changed) {
  return state_->held.Subscribe(std::move(changed));
}

void PolicySwitch::NoteMismatch() noexcept { state_->Source()->NoteMismatch(); }

}  // namespace cotter::gateway
