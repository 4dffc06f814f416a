// SPDX-License-Identifier: Apache-2.0
//
// What a server sent is not evidence: the judge takes verified paths alone.
#include <span>

#include <cotter/evaluate.h>

namespace cotter {

Verdict Judge(const PolicyIndex& policy, const Endpoint& endpoint,
              [[maybe_unused]] std::span<const VerifiedPath> verified,
              [[maybe_unused]] std::span<const PresentedChain> presented) {
#ifdef COTTER_BAD_LINE
  // expect: (cannot|could not) convert .*PresentedChain
  return Evaluate(policy, endpoint, presented, SearchEnd::kComplete, Time{});
#else
  return Evaluate(policy, endpoint, verified, SearchEnd::kComplete, Time{});
#endif
}

}  // namespace cotter
