// SPDX-License-Identifier: Apache-2.0
//
// A source of policies whose own source can be exchanged: a configuration that is read again may
// name another policy file, and every connection that is open then is held against that one. Safe
// from any thread, but for Follow, which is one thread's.
#pragma once

#include <memory>

#include <cotter/policy_source.h>

namespace cotter::gateway {

class PolicySwitch final : public PolicySource {
 public:
  // `source` is not null.
  explicit PolicySwitch(std::shared_ptr<PolicySource> source);
  ~PolicySwitch() override;

  // Follow puts the policy of `source`, which is not null, into force, and whatever that swaps to
  // later; what the source before does no longer counts. Subscribers, which may not call it, are
  // called before it returns.
  void Follow(std::shared_ptr<PolicySource> source);

  [[nodiscard]] std::shared_ptr<const PolicyIndex> Current() const noexcept override;
  [[nodiscard]] std::shared_ptr<void> Subscribe(std::function<void()> changed) override;
  void NoteMismatch() noexcept override;

 private:
  struct State;
  std::shared_ptr<void> Listen(PolicySource& source);

  std::shared_ptr<State> state_;
  std::shared_ptr<void> subscription_;
};

}  // namespace cotter::gateway
