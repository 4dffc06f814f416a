// SPDX-License-Identifier: Apache-2.0
//
// Diagnose tells why a connection fails, from what was seen of it: ranked causes, each with the
// evidence that it rests on and what to do. Several can hold at once. A connection that is allowed
// without anything worth knowing has none. Pure; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "probe/situation.h"
#include <cotter/code.h>

namespace cotter::probe {

// Cause is one answer to "why". `evidence` and `fix` are for people: lower case, no full stop.
struct Cause {
  Code code = Code::kInternal;
  double confidence = 0;  // above 0, below 1: what the evidence has earned
  std::vector<std::string> evidence;
  std::string fix;
};

// A cause below this confidence is not told.
inline constexpr double kLeastConfidence = 0.25;

// Diagnose is the causes of `situation`, best first. Where it is refused for a reason that has no
// cause of its own, the one cause is the code of the refusal. Allocates.
[[nodiscard]] std::vector<Cause> Diagnose(const Situation& situation);

}  // namespace cotter::probe
