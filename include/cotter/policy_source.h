// SPDX-License-Identifier: Apache-2.0
//
// Where the doors take "the policy now" from. A policy is never changed: a source swaps one for the
// next, whole, and whoever enforces asks again. HeldPolicy is set by the program; WatchedPolicy
// (<cotter/policy_file_source.h>) follows a file. Every member of a source may be called from any
// thread.
#pragma once

#include <functional>
#include <memory>

#include <cotter/policy_index.h>

namespace cotter {

// PolicySource is what an enforcer asks.
class PolicySource {
 public:
  PolicySource() = default;
  PolicySource(const PolicySource&) = delete;
  PolicySource& operator=(const PolicySource&) = delete;
  virtual ~PolicySource() = default;

  // Current is the policy that is in force, never null. It is asked once for each handshake and for
  // each use of a live connection, so it must be cheap.
  [[nodiscard]] virtual std::shared_ptr<const PolicyIndex> Current() const noexcept = 0;

  // Subscribe has `changed` called after each swap, on the thread that swaps, with no lock held;
  // what it throws is dropped. It ends with the returned handle. A call that has begun may still
  // run when the handle is gone, so `changed` must own, or hold weakly, what it touches.
  [[nodiscard]] virtual std::shared_ptr<void> Subscribe(std::function<void()> changed) = 0;

  // NoteMismatch is called by the doors where a server did not match the pins of its rule, on the
  // thread of the connection and inside its handshake: it is quick. A source that fetches policies
  // may look for a newer one soon; it changes nothing about that connection. By default nothing.
  virtual void NoteMismatch() noexcept {}
};

// HeldPolicy is a policy that the program sets.
class HeldPolicy final : public PolicySource {
 public:
  // `policy` must not be null; see HoldPolicy for one that may be.
  explicit HeldPolicy(std::shared_ptr<const PolicyIndex> policy);
  ~HeldPolicy() override;

  [[nodiscard]] std::shared_ptr<const PolicyIndex> Current() const noexcept override;
  [[nodiscard]] std::shared_ptr<void> Subscribe(std::function<void()> changed) override;

  // Settle calls the subscribers where an emergency statement of the policy has come to its end
  // since they were called last. Current never gives out a policy with a statement that has ended
  // by the clock that was right when it was set, wherever that clock has been put since; it swaps
  // it for one without, and tells nobody. For a thread that looks every now and then.
  void Settle();

  // Set puts `policy`, which is not null, into force and then calls the subscribers. Of two threads
  // that set, the later one wins. A subscriber may call any member of this object.
  void Set(std::shared_ptr<const PolicyIndex> policy);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// HoldPolicy is a source of `policy`; null where that is null, which every door refuses with
// kUsage.
[[nodiscard]] std::shared_ptr<HeldPolicy> HoldPolicy(std::shared_ptr<const PolicyIndex> policy);

}  // namespace cotter
