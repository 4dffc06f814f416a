// SPDX-License-Identifier: Apache-2.0
//
// Target: the reader of a team's file, and what is kept of one that was taken before.
// Property: whatever the file says, the policy keeps what it had, gets rules for the team's hosts
// alone, nothing that holds beyond them, and compiles.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "update/delegate.h"
#include <cotter/policy_index.h>

using namespace cotter;

namespace {

Policy OneRule(std::string_view pattern) {
  Policy policy;
  policy.environment = "production";
  HostRule rule{.pattern = *HostPattern::Parse(pattern)};
  Pin pin;
  pin.digest.bytes[0] = 1;
  rule.pins.push_back({.pin = pin});
  policy.hosts.push_back(std::move(rule));
  return policy;
}

void ExpectWithin(const Delegate& delegate, const Policy& before, const Policy& after) {
  COTTER_CHECK(after.hosts.size() >= before.hosts.size());
  COTTER_CHECK(after.hosts.front().pattern == before.hosts.front().pattern);
  for (std::size_t i = before.hosts.size(); i < after.hosts.size(); ++i) {
    const HostPattern& pattern = after.hosts[i].pattern;
    COTTER_CHECK(
        std::any_of(delegate.hosts.begin(), delegate.hosts.end(),
                    [&](const HostPattern& granted) { return update::MayRule(granted, pattern); }));
  }
  COTTER_CHECK(after.revoked == before.revoked);
  COTTER_CHECK(after.delegates.empty() && after.emergency.empty());
  COTTER_CHECK(after.unlisted == before.unlisted && after.partial_chain == before.partial_chain);
  COTTER_CHECK(PolicyIndex::Build(after));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText({data, size});
  const Delegate delegate{.name = "team",
                          .target = "production/team.toml",
                          .hosts = {*HostPattern::Parse("**.team.example.com"),
                                    *HostPattern::Parse("one.example.com")}};
  // One without a rule in common, and one where a host of the team is ruled already.
  for (const std::string_view pattern : {"api.example.com", "a.team.example.com"}) {
    const Policy before = OneRule(pattern);
    Policy after = before;
    static_cast<void>(update::KeepRules(after, delegate, "production", text));
    ExpectWithin(delegate, before, after);
  }
  return 0;
}
