// SPDX-License-Identifier: Apache-2.0
//
// What makes a policy unusable as a whole.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/policy_order.h"
#include <cotter/policy_index.h>

namespace cotter {
namespace {

std::string Where(const HostRule& rule) {
  std::string text = "host \"" + rule.pattern.ToString() + "\"";
  if (rule.line != 0) text += " (line " + std::to_string(rule.line) + ")";
  return text;
}

bool IsUsable(const Pin& pin, const std::vector<Digest>& revoked) {
  if (pin.use == PinUse::kRevoked) return false;
  return pin.kind != PinKind::kSpki || !std::ranges::binary_search(revoked, pin.digest);
}

// HasUsablePins reports whether some path could satisfy the rule. A rule that nothing can satisfy
// is a lock-out waiting for its first user.
bool HasUsablePins(const HostRule& rule, const std::vector<Digest>& revoked) {
  const auto usable = [&](PinPlace place) {
    return std::ranges::any_of(rule.pins, [&](const PolicyPin& entry) {
      return IsUsable(entry.pin, revoked) &&
             (entry.pin.place == place || entry.pin.place == PinPlace::kAny);
    });
  };
  const bool leaf = usable(PinPlace::kLeaf);
  const bool ca = usable(PinPlace::kCa);
  return rule.require == Require::kLeafAndCa ? leaf && ca : leaf || ca;
}

std::optional<Error> CheckRule(const HostRule& rule, const std::vector<Digest>& revoked) {
  if (rule.pins.size() > kMaxPinsPerRule) {
    return Error{Code::kPolicyTooLarge, Where(rule) + ": expected at most " +
                                            std::to_string(kMaxPinsPerRule) + " pins, found " +
                                            std::to_string(rule.pins.size())};
  }
  if (std::ranges::find(rule.ports, 0) != rule.ports.end()) {
    return Error{Code::kPortInvalid, Where(rule) + ": expected ports from 1 to 65535"};
  }
  if (rule.mode != Mode::kOff && !HasUsablePins(rule, revoked)) {
    return Error{Code::kPolicyNoUsablePin,
                 Where(rule) +
                     ": no pin here could ever match, so nobody could connect; add pins or set "
                     "mode = \"off\""};
  }
  return std::nullopt;
}

// CheckPorts looks for two rules of one pattern that cover the same port.
std::optional<PolicyFault> CheckPorts(const Policy& policy,
                                      const std::vector<const HostRule*>& same_pattern) {
  const HostRule* for_all = nullptr;
  std::vector<std::pair<std::uint16_t, const HostRule*>> taken;
  const auto duplicate = [&](const HostRule& a, const HostRule& b, const std::string& port) {
    const std::string what = &a == &b ? Where(a) + " has " + port + " twice"
                                      : Where(a) + " and " + Where(b) + " both rule " + port;
    return PolicyFault{Error{Code::kPolicyDuplicate, what},
                       static_cast<std::size_t>(&b - policy.hosts.data())};
  };
  for (const HostRule* rule : same_pattern) {
    if (rule->ports.empty()) {
      if (for_all != nullptr) return duplicate(*for_all, *rule, "every port");
      for_all = rule;
    }
    for (const std::uint16_t port : rule->ports) taken.emplace_back(port, rule);
  }
  std::ranges::stable_sort(taken, {}, &std::pair<std::uint16_t, const HostRule*>::first);
  for (std::size_t i = 1; i < taken.size(); ++i) {
    if (taken[i].first == taken[i - 1].first) {
      return duplicate(*taken[i - 1].second, *taken[i].second,
                       "port " + std::to_string(taken[i].first));
    }
  }
  return std::nullopt;
}

std::optional<PolicyFault> CheckDuplicates(const Policy& policy,
                                           const std::vector<const HostRule*>& sorted) {
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = begin + 1;
    while (end < sorted.size() && sorted[end]->pattern == sorted[begin]->pattern) ++end;
    const auto at = [&](std::size_t i) { return sorted.begin() + static_cast<std::ptrdiff_t>(i); };
    if (end - begin > 1 || sorted[begin]->ports.size() > 1) {
      if (auto fault = CheckPorts(policy, {at(begin), at(end)})) return fault;
    }
    begin = end;
  }
  return std::nullopt;
}

// CheckPinSets holds every rule's pins against what its sets give it.
std::optional<PolicyFault> CheckPinSets(const Policy& policy) {
  const auto shared = [](const PolicyPin& entry) { return !entry.set.empty(); };
  Policy resolved;
  if (!policy.pin_sets.empty()) {
    resolved.pin_sets = policy.pin_sets;
    resolved.hosts = policy.hosts;
    if (Result<void> sound = ResolvePinSets(resolved); !sound) return PolicyFault{sound.error()};
  }
  for (std::size_t i = 0; i < policy.hosts.size(); ++i) {
    const HostRule& rule = policy.hosts[i];
    const bool sound = rule.extends.empty()      ? std::ranges::none_of(rule.pins, shared)
                       : policy.pin_sets.empty() ? false
                                                 : rule.pins == resolved.hosts[i].pins;
    if (sound) continue;
    return PolicyFault{
        Error{Code::kPolicyInvalid,
              Where(rule) + (policy.pin_sets.empty()
                                 ? " extends a [[pin_set]] that is not there"
                                 : ": its pins are not those of the sets that it extends; resolve "
                                   "them again")},
        i};
  }
  return std::nullopt;
}

std::optional<Error> CheckStatement(const EmergencyStatement& statement) {
  const std::string where = "emergency statement \"" + statement.id + "\"";
  if (statement.id.empty()) return Error{Code::kPolicyInvalid, "an emergency statement has no id"};
  if (statement.kind == EmergencyKind::kRevoke) return std::nullopt;
  if (!statement.until) return Error{Code::kPolicyInvalid, where + " has no end"};
  if (statement.rules.empty() || statement.rules.size() > kMaxEmergencyRules) {
    return Error{Code::kPolicyInvalid,
                 where + ": expected 1 to " + std::to_string(kMaxEmergencyRules) + " rules"};
  }
  return std::nullopt;
}

// CheckEmergency looks at what is said beside the policy.
std::optional<Error> CheckEmergency(const Policy& policy) {
  if (policy.emergency.size() > kMaxEmergencyStatements) {
    return Error{
        Code::kPolicyTooLarge,
        "expected at most " + std::to_string(kMaxEmergencyStatements) + " emergency statements"};
  }
  for (const EmergencyStatement& statement : policy.emergency) {
    if (auto error = CheckStatement(statement)) return error;
  }
  return std::nullopt;
}

// CheckWhole looks at what concerns no single rule.
std::optional<PolicyFault> CheckWhole(const Policy& policy) {
  if (policy.hosts.size() > kMaxPolicyRules) {
    return PolicyFault{
        Error{Code::kPolicyTooLarge, "expected at most " + std::to_string(kMaxPolicyRules) +
                                         " rules, found " + std::to_string(policy.hosts.size())}};
  }
  std::size_t pins = 0;
  for (const HostRule& rule : policy.hosts) pins += rule.pins.size();
  if (pins > kMaxPolicyPins) {
    return PolicyFault{
        Error{Code::kPolicyTooLarge,
              "expected at most " + std::to_string(kMaxPolicyPins) + " pins in all rules"}};
  }
  if (!policy.inspection_cas.empty() && policy.environment != "development") {
    return PolicyFault{Error{Code::kInspectionOutsideDevelopment,
                             "inspection_ca \"" + policy.inspection_cas.front().name +
                                 "\": TLS may be inspected in environment = \"development\" only"}};
  }
  return std::nullopt;
}

}  // namespace

std::optional<PolicyFault> FindFault(const Policy& policy) {
  if (auto fault = CheckWhole(policy)) return fault;
  if (auto error = CheckEmergency(policy)) return PolicyFault{*error};
  if (auto fault = CheckPinSets(policy)) return fault;
  const std::vector<Digest> revoked = image::RevokedKeys(policy);
  for (std::size_t i = 0; i < policy.hosts.size(); ++i) {
    if (auto error = CheckRule(policy.hosts[i], revoked)) return PolicyFault{*error, i};
  }
  return CheckDuplicates(policy, image::Sorted(policy));
}

}  // namespace cotter
