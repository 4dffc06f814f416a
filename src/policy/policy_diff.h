// SPDX-License-Identifier: Apache-2.0
//
// What changes for connections when one policy takes another's place, in words. It compares what
// applies, not what is written: a rule that another one hides changes nothing. Pure, safe from any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/policy.h>
#include <cotter/policy_index.h>
#include <cotter/result.h>

namespace cotter::policy {

enum class Effect : std::uint8_t {
  kLockedOut,       // servers that satisfied the old policy with an active pin fail the new one
  kNewlyPinned,     // pins decide where they did not
  kStricter,        // some connections may be refused that were let through
  kLooser,          // pins still decide, and let through more
  kNoLongerPinned,  // pins decided, and no longer do
  kHeader,          // about the policy as a whole
};

// NameOf is "locked_out", "newly_pinned", "stricter", "looser", "no_longer_pinned" or "policy".
[[nodiscard]] std::string_view NameOf(Effect effect) noexcept;

// Difference is one change.
struct Difference {
  Effect effect = Effect::kHeader;
  std::string hosts;  // a pattern, with the port where it is about one; empty for the policy
  std::string words;  // lower case, no full stop
};

// ComparePolicies is what changes from `before` to `after`, the worst first. Fails where one of
// them does not compile.
[[nodiscard]] Result<std::vector<Difference>> ComparePolicies(const Policy& before,
                                                              const Policy& after);

}  // namespace cotter::policy
