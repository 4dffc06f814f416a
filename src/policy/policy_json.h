// SPDX-License-Identifier: Apache-2.0
//
// A policy as the JSON that machines sign: the model of the TOML file, with the same keys, written
// in one way only. Pure, safe from any thread.
#pragma once

#include <string>

#include <cotter/pin.h>
#include <cotter/policy.h>

namespace cotter::policy {

// WritePolicyJson writes `policy` on one line: the keys in the order of docs/policy.md, those that
// have their default left out, names and pins in canonical form, times in UTC. ReadPolicy reads it
// back to the same model (but for line numbers), and two policies mean the same if they are written
// the same. Pins that came from pin sets are written in the sets alone. Allocates.
[[nodiscard]] std::string WritePolicyJson(const Policy& policy);

// PolicyDigest is the SHA-256 of what WritePolicyJson writes: what exports and audits name a policy
// by.
[[nodiscard]] Digest PolicyDigest(const Policy& policy);

}  // namespace cotter::policy
