// SPDX-License-Identifier: Apache-2.0
#include "update/delegate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "policy/policy_file.h"
#include <cotter/policy_index.h>

namespace cotter::update {
namespace {

Error Refused(const Delegate& delegate, const std::string& why) {
  return Error{Code::kDelegateRefused, delegate.name + ": " + why};
}

// IsBelow reports whether `name` is `base` or ends in a dot and `base`.
bool IsBelow(const HostName& name, const HostName& base) noexcept {
  if (name == base) return true;
  if (name.is_ip() || base.is_ip()) return false;
  const std::string_view text = name.text();
  const std::string_view end = base.text();
  return text.size() > end.size() && text.ends_with(end) &&
         text[text.size() - end.size() - 1] == '.';
}

bool SharePort(const HostRule& a, const HostRule& b) {
  if (a.ports.empty() || b.ports.empty()) return true;
  return std::any_of(a.ports.begin(), a.ports.end(), [&](std::uint16_t port) {
    return std::find(b.ports.begin(), b.ports.end(), port) != b.ports.end();
  });
}

using RulesByPattern = std::map<std::string, std::vector<const HostRule*>>;

RulesByPattern ByPattern(const Policy& policy) {
  RulesByPattern ruled;
  for (const HostRule& rule : policy.hosts) ruled[rule.pattern.ToString()].push_back(&rule);
  return ruled;
}

// IsRuled reports whether there is a rule already for the pattern and a port of `rule`.
bool IsRuled(const RulesByPattern& ruled, const HostRule& rule) {
  const auto same = ruled.find(rule.pattern.ToString());
  return same != ruled.end() &&
         std::any_of(same->second.begin(), same->second.end(),
                     [&](const HostRule* other) { return SharePort(*other, rule); });
}

bool MayHave(const Delegate& delegate, const HostRule& rule) {
  return std::any_of(delegate.hosts.begin(), delegate.hosts.end(),
                     [&](const HostPattern& granted) { return MayRule(granted, rule.pattern); });
}

// HoldsBeyond is what in `theirs` is not a team's to say; null for nothing.
const char* HoldsBeyond(const Policy& theirs) {
  if (!theirs.revoked.empty()) return "it revokes keys, which holds for the whole policy";
  if (!theirs.delegates.empty()) return "it has delegates of its own";
  if (!theirs.emergency.empty()) return "it has emergency statements";
  if (!theirs.inspection_cas.empty()) return "it lets CAs inspect, which holds for every rule";
  if (theirs.unlisted != Unlisted::kPki) return "it says how unlisted hosts are met";
  if (theirs.partial_chain) return "it says where paths may end";
  for (const HostRule& rule : theirs.hosts) {
    for (const PolicyPin& entry : rule.pins) {
      if (entry.pin.use == PinUse::kRevoked) {
        return "a pin is revoked, which holds for the whole policy";
      }
    }
  }
  return nullptr;
}

}  // namespace

bool MayRule(const HostPattern& granted, const HostPattern& pattern) noexcept {
  using Kind = HostPattern::Kind;
  if (granted == pattern) return true;
  switch (granted.kind()) {
    case Kind::kExact:
      return false;
    case Kind::kOneLabel:
      return pattern.kind() == Kind::kExact && granted.Matches(pattern.base());
    case Kind::kAllDepths:
      return IsBelow(pattern.base(), granted.base());
  }
  return false;
}

Result<Policy> ReadDelegate(const Delegate& delegate, std::string_view environment,
                            std::string_view text) {
  Result<Policy> theirs = policy::ReadPolicy(text, delegate.target);
  if (!theirs) return theirs;
  if (Result<void> right = policy::RequireEnvironment(*theirs, environment); !right) {
    return right.error();
  }
  if (const char* why = HoldsBeyond(*theirs)) return Refused(delegate, why);
  for (const HostRule& rule : theirs->hosts) {
    if (!MayHave(delegate, rule))
      return Refused(delegate, "it may not speak for " + rule.pattern.ToString());
  }
  if (const std::optional<PolicyFault> fault = FindFault(*theirs)) {
    return Refused(delegate, fault->error.message);
  }
  return theirs;
}

Result<void> AddRules(Policy& policy, const Delegate& delegate, const Policy& theirs) {
  const std::size_t before = policy.hosts.size();
  const RulesByPattern ruled = ByPattern(policy);
  for (const HostRule& rule : theirs.hosts) {
    if (!IsRuled(ruled, rule)) continue;
    return Refused(delegate, rule.pattern.ToString() + " has a rule for this port already");
  }
  for (HostRule rule : theirs.hosts) {
    rule.extends.clear();  // its pins hold already what its sets gave
    for (PolicyPin& entry : rule.pins) entry.set.clear();
    if (theirs.expires && (!rule.expires || *theirs.expires < *rule.expires)) {
      rule.expires = theirs.expires;
    }
    policy.hosts.push_back(std::move(rule));
  }
  if (const std::optional<PolicyFault> fault = FindFault(policy)) {
    policy.hosts.erase(policy.hosts.begin() + static_cast<std::ptrdiff_t>(before),
                       policy.hosts.end());
    return Refused(delegate, fault->error.message);
  }
  return Ok();
}

Result<void> KeepRules(Policy& policy, const Delegate& delegate, std::string_view environment,
                       std::string_view text) {
  const Result<Policy> theirs = ReadDelegate(delegate, environment, text);
  Result<void> whole = theirs ? AddRules(policy, delegate, *theirs) : Result<void>(theirs.error());
  if (whole) return whole;
  Result<Policy> rest = policy::ReadPolicy(text, delegate.target);
  if (!rest || !policy::RequireEnvironment(*rest, environment) || HoldsBeyond(*rest) != nullptr) {
    return whole;
  }
  const RulesByPattern ruled = ByPattern(policy);
  std::erase_if(rest->hosts, [&](const HostRule& rule) {
    return !MayHave(delegate, rule) || IsRuled(ruled, rule);
  });
  static_cast<void>(AddRules(policy, delegate, *rest));
  return whole;
}

}  // namespace cotter::update
