// SPDX-License-Identifier: Apache-2.0
#include "core/policy_order.h"

#include <algorithm>
#include <utility>

namespace cotter::image {
namespace {

bool ComesBefore(const HostRule& a, const HostRule& b) {
  const auto key = [](const HostRule& rule) {
    return std::pair(rule.pattern.base().text(), rule.pattern.kind());
  };
  return key(a) < key(b);
}

}  // namespace

std::vector<Digest> RevokedKeys(const Policy& policy) {
  std::vector<Digest> keys = policy.revoked;
  for (const HostRule& rule : policy.hosts) {
    for (const PolicyPin& entry : rule.pins) {
      if (entry.pin.use == PinUse::kRevoked && entry.pin.kind == PinKind::kSpki) {
        keys.push_back(entry.pin.digest);
      }
    }
  }
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

std::vector<Digest> KeysRevokedInForce(const Policy& policy) {
  std::vector<Digest> keys = RevokedKeys(policy);
  for (const EmergencyStatement& statement : policy.emergency) {
    if (statement.kind != EmergencyKind::kRevoke) continue;
    const auto at = std::ranges::lower_bound(keys, statement.pin.digest);
    if (at == keys.end() || *at != statement.pin.digest) keys.insert(at, statement.pin.digest);
  }
  return keys;
}

std::vector<const HostRule*> Sorted(const Policy& policy) {
  std::vector<const HostRule*> sorted(policy.hosts.size());
  std::ranges::transform(policy.hosts, sorted.begin(), [](const HostRule& rule) { return &rule; });
  std::ranges::stable_sort(
      sorted, [](const HostRule* a, const HostRule* b) { return ComesBefore(*a, *b); });
  return sorted;
}

}  // namespace cotter::image

namespace cotter {

bool Names(const RuleName& name, const HostRule& rule) noexcept {
  return name.pattern == rule.pattern &&
         (!name.port || std::ranges::find(rule.ports, *name.port) != rule.ports.end());
}

}  // namespace cotter
