// SPDX-License-Identifier: Apache-2.0
//
// What the judge decides by. Made once, before anything else of the judge runs; immutable and never
// destroyed, because threads may still use it while the process ends. Safe from any thread.
#pragma once

#include "preload/interface.h"
#include <cotter/policy_index.h>

namespace cotter::preload {

struct State {
  const Settings& settings;
  const Services& services;
  PolicyIndex policy;
};

// Here is the judge's state.
[[nodiscard]] const State& TheState() noexcept;

}  // namespace cotter::preload
