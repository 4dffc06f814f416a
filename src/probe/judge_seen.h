// SPDX-License-Identifier: Apache-2.0
//
// A chain that was seen somewhere, verified and judged as the doors do, with what diagnosis and
// scans want to keep of it. For the files of this room; safe from any thread.
#pragma once

#include <vector>

#include "probe/situation.h"
#include "tls/trust_store.h"
#include <cotter/evaluate.h>
#include <cotter/path.h>
#include <cotter/pin.h>
#include <cotter/policy_index.h>
#include <cotter/time.h>

namespace cotter::probe {

// Judges is what a chain is held against. `policy` outlives the verdicts.
struct Judges {
  const PolicyIndex& policy;
  const tls::TrustStore& trust;
  const tls::TrustStore* declared = nullptr;  // roots that the caller named; may be null
  Time now;
  SeenCache* cache = nullptr;  // may be null
};

// JudgedSeen is the chain, and the SPKI digests of each verified path, the default one first.
struct JudgedSeen {
  SeenChain seen;
  std::vector<std::vector<Digest>> path_pins;
};

// JudgeSeen judges what was presented at `endpoint`.
[[nodiscard]] JudgedSeen JudgeSeen(const Endpoint& endpoint, const PresentedChain& presented,
                                   const Judges& judges);

}  // namespace cotter::probe
