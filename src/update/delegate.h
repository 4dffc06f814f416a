// SPDX-License-Identifier: Apache-2.0
//
// Teams' policies: which rules a delegate may add to an environment's policy. Pure, safe from any
// thread.
#pragma once

#include <string_view>

#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::update {

// MayRule reports whether who speaks for `granted` may have a rule for `pattern`: every host that
// the rule could apply to is covered by the grant.
[[nodiscard]] bool MayRule(const HostPattern& granted, const HostPattern& pattern) noexcept;

// ReadDelegate reads `text`, the file of `delegate`, by itself: a policy of `environment` that has
// rules, all of them for the delegate's hosts, and nothing that would hold beyond them (revoked
// keys, delegates, emergency statements, how unlisted hosts are met). kDelegateRefused;
// kWrongEnvironment; the codes of ReadPolicy. Allocates.
[[nodiscard]] Result<Policy> ReadDelegate(const Delegate& delegate, std::string_view environment,
                                          std::string_view text);

// AddRules adds the rules of `theirs`, which ReadDelegate read, to `policy`. kDelegateRefused where
// both have a rule for one pattern and port, or the whole would not compile; `policy` is then as it
// was.
[[nodiscard]] Result<void> AddRules(Policy& policy, const Delegate& delegate, const Policy& theirs);

// KeepRules adds the rules of `text`, a file of the delegate that was taken before. Where the
// policy, or a team before it, has a rule of the file by now, or the grant was narrowed, it adds
// those that still may stand: what is said about one host takes the pins of no other away. Fails as
// ReadDelegate and AddRules do, to say why not all of them are there. Allocates.
[[nodiscard]] Result<void> KeepRules(Policy& policy, const Delegate& delegate,
                                     std::string_view environment, std::string_view text);

}  // namespace cotter::update
