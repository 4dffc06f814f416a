// SPDX-License-Identifier: Apache-2.0
//
// From what the probe engine answers to what watch keeps and sends. Pure; safe from any thread.
#pragma once

#include "probe/engine/facts.h"
#include "watch/facts.h"
#include "watch/policy_view.h"

namespace cotter::watch {

// FactsOf is the small form of `host`. Where a chain is refused, the cause is that of diagnose,
// with the rule of `view`.
[[nodiscard]] ServerFacts FactsOf(const probe::HostFacts& host, const PolicyView& view);

}  // namespace cotter::watch
