// SPDX-License-Identifier: Apache-2.0
//
// The enforcers of a door that attaches them to connections: one that resumes sessions and one that
// does not, of one policy, which the table swaps.
#pragma once

#include <memory>
#include <utility>

#include "tests/attacks/doors/door.h"
#include <cotter/openssl.h>
#include <cotter/policy_source.h>

namespace cotter::attacks {

class Enforcers {
 public:
  explicit Enforcers(const Setup& setup)
      : policy_(HoldPolicy(setup.policy)),
        resuming_(Make(setup, tls::Resumption::kBound)),
        plain_(Make(setup, tls::Resumption::kOff)) {}

  void SetPolicy(std::shared_ptr<const PolicyIndex> policy) { policy_->Set(std::move(policy)); }

  [[nodiscard]] const tls::Enforcer& For(const GetRequest& request) const {
    return request.resume ? resuming_ : plain_;
  }

 private:
  [[nodiscard]] tls::Enforcer Make(const Setup& setup, tls::Resumption resume) const {
    return tls::Enforcer::Create({.policy = policy_,
                                  .trust = setup.trust,
                                  .now = setup.now,
                                  .on_violation = setup.on_violation,
                                  .resume = resume})
        .value();
  }

  std::shared_ptr<HeldPolicy> policy_;
  tls::Enforcer resuming_;
  tls::Enforcer plain_;
};

}  // namespace cotter::attacks
