// SPDX-License-Identifier: Apache-2.0
//
// A policy in the order that its index has it, for the check before and the writing after. Pure,
// safe from any thread.
#pragma once

#include <vector>

#include <cotter/policy.h>

namespace cotter::image {

// RevokedKeys is every key that the policy revokes, in its own list or as a pin's use; ascending,
// without repeats. Allocates.
[[nodiscard]] std::vector<Digest> RevokedKeys(const Policy& policy);

// KeysRevokedInForce is those, and the keys that emergency statements revoke; likewise.
[[nodiscard]] std::vector<Digest> KeysRevokedInForce(const Policy& policy);

// Sorted is the rules with those of one base together, in it by pattern kind. The pointers are
// borrowed from `policy`. Allocates.
[[nodiscard]] std::vector<const HostRule*> Sorted(const Policy& policy);

}  // namespace cotter::image
