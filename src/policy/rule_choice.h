// SPDX-License-Identifier: Apache-2.0
//
// Which rule applies to a host, and why the others that cover it do not. The index decides; this
// only tells. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <cotter/host.h>
#include <cotter/policy.h>
#include <cotter/policy_index.h>

namespace cotter::policy {

// Candidate is a rule whose pattern covers the host, and that does not apply.
struct Candidate {
  std::size_t host;  // the rule, in Policy::hosts
  std::string why;   // lower case, no full stop
};

// RuleChoice is the answer.
struct RuleChoice {
  Lookup::Kind kind = Lookup::Kind::kUnlisted;
  std::size_t host = 0;  // the rule, in Policy::hosts; meaningful if kind is kRule
  std::string why;       // why it applies, or what happens without one
  std::vector<Candidate> others;
};

// ExplainChoice looks `endpoint` up in `index`, which was built from `policy`. Allocates.
[[nodiscard]] RuleChoice ExplainChoice(const Policy& policy, const PolicyIndex& index,
                                       const Endpoint& endpoint);

}  // namespace cotter::policy
