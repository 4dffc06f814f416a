// SPDX-License-Identifier: Apache-2.0
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
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

// End is when the next emergency statement ends: by the wall clock, and by the one that counts on.
struct End {
  Time wall;
  std::int64_t since_boot;
};

std::optional<End> NextEndOf(const PolicyIndex& policy) noexcept {
  const Time now = base::Now();
  const std::optional<Time> next = policy.NextEnd(now);
  if (!next) return std::nullopt;
  return End{*next, base::SecondsSinceBoot() + (next->unix_seconds - now.unix_seconds)};
}

bool HasCome(const End& end) noexcept {
  return base::Now() >= end.wall || base::SecondsSinceBoot() >= end.since_boot;
}

}  // namespace

struct HeldPolicy::State {
  // EndWhatIsOver swaps the policy for one in which no statement holds that has ended. Under the
  // mutex. Where memory is short the old one stays, which is right by the wall clock.
  void EndWhatIsOver() noexcept {
    while (end && HasCome(*end)) {
      try {
        policy = std::make_shared<const PolicyIndex>(policy->EndedBy(end->wall));
      } catch (const std::bad_alloc&) {
        return;
      }
      untold = true;
      // The clock may have been put back behind what has just ended; the next end is counted from
      // there all the same.
      const std::optional<Time> next = policy->NextEnd(end->wall);
      if (!next) {
        end.reset();
      } else {
        end = End{*next, end->since_boot + (next->unix_seconds - end->wall.unix_seconds)};
      }
    }
  }

  std::vector<std::shared_ptr<const Subscriber>> Subscribers() const {
    std::vector<std::shared_ptr<const Subscriber>> subscribers;
    for (const std::weak_ptr<const Subscriber>& each : called) {
      if (auto subscriber = each.lock()) subscribers.push_back(std::move(subscriber));
    }
    return subscribers;
  }

  std::mutex mutex;
  std::optional<End> end;  // under the mutex, of the policy
  bool untold = false;     // under the mutex: subscribers have not heard of an end
  std::shared_ptr<const PolicyIndex> policy;            // under the mutex
  std::vector<std::weak_ptr<const Subscriber>> called;  // under the mutex; owned by the handles
};

HeldPolicy::HeldPolicy(std::shared_ptr<const PolicyIndex> policy)
    : state_(std::make_shared<State>()) {
  COTTER_CHECK(policy != nullptr);
  state_->end = NextEndOf(*policy);
  state_->policy = std::move(policy);
}

HeldPolicy::~HeldPolicy() = default;

std::shared_ptr<const PolicyIndex> HeldPolicy::Current() const noexcept {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->EndWhatIsOver();
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
    state_->end = NextEndOf(*policy);
    state_->untold = false;
    state_->policy.swap(policy);  // what was in force is freed after the lock
    subscribers = state_->Subscribers();
  }
  for (const auto& subscriber : subscribers) Call(*subscriber);
}

void HeldPolicy::Settle() {
  std::vector<std::shared_ptr<const Subscriber>> subscribers;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->EndWhatIsOver();
    if (!std::exchange(state_->untold, false)) return;
    subscribers = state_->Subscribers();
  }
  for (const auto& subscriber : subscribers) Call(*subscriber);
}

std::shared_ptr<HeldPolicy> HoldPolicy(std::shared_ptr<const PolicyIndex> policy) {
  return policy == nullptr ? nullptr : std::make_shared<HeldPolicy>(std::move(policy));
}

}  // namespace cotter
