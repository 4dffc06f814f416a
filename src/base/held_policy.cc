// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <utility>
#include <vector>

#include <cotter/policy_source.h>

namespace cotter {
namespace {

using Subscriber = std::function<void()>;

void Call(const Subscriber& subscriber) noexcept {
  try {
    subscriber();
  } catch (...) {  // a subscriber cannot undo the swap, nor keep the others from hearing of it
    return;
  }
}

}  // namespace

struct HeldPolicy::State {
  std::mutex mutex;
  std::shared_ptr<const PolicyIndex> policy;            // under the mutex
  std::vector<std::weak_ptr<const Subscriber>> called;  // under the mutex; owned by the handles
};

HeldPolicy::HeldPolicy(std::shared_ptr<const PolicyIndex> policy)
    : state_(std::make_shared<State>()) {
  COTTER_CHECK(policy != nullptr);
  state_->policy = std::move(policy);
}

HeldPolicy::~HeldPolicy() = default;

std::shared_ptr<const PolicyIndex> HeldPolicy::Current() const noexcept {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->policy;
}

std::shared_ptr<void> HeldPolicy::Subscribe(std::function<void()> changed) {
  auto subscriber = std::make_shared<Subscriber>(std::move(changed));
  const std::lock_guard<std::mutex> lock(state_->mutex);
  std::erase_if(state_->called, [](const auto& each) { return each.expired(); });
  state_->called.emplace_back(subscriber);
  return subscriber;
}

void HeldPolicy::Set(std::shared_ptr<const PolicyIndex> policy) {
  COTTER_CHECK(policy != nullptr);
  std::vector<std::shared_ptr<const Subscriber>> subscribers;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->policy.swap(policy);  // what was in force is freed after the lock
    for (const std::weak_ptr<const Subscriber>& each : state_->called) {
      if (auto subscriber = each.lock()) subscribers.push_back(std::move(subscriber));
    }
  }
  for (const auto& subscriber : subscribers) Call(*subscriber);
}

std::shared_ptr<HeldPolicy> HoldPolicy(std::shared_ptr<const PolicyIndex> policy) {
  return policy == nullptr ? nullptr : std::make_shared<HeldPolicy>(std::move(policy));
}

}  // namespace cotter
