// SPDX-License-Identifier: Apache-2.0
//
// Lint over the namespaces of the inventory: what stands at the public edge and what is internal,
// mutual TLS between services above all, must not hang on the same keys.
#include <map>

#include "policy/lint_rules.h"

namespace cotter::policy {
namespace {

Sides SidesOf(const InventoryEntry& entry) {
  if (!entry.exposure) return {};
  const bool is_edge =
      *entry.exposure == Exposure::kPublic || *entry.exposure == Exposure::kPartner;
  return {.edge = is_edge, .inside = !is_edge};
}

void Merge(Sides& into, const Sides& sides) {
  into.edge = into.edge || sides.edge;
  into.inside = into.inside || sides.inside;
}

std::string SideName(bool is_edge) { return is_edge ? "at the public edge" : "inside"; }

constexpr std::string_view kFix =
    "keep separate keys and CAs for what faces the public and for what does not";

}  // namespace

std::vector<Sides> SidesOfRules(const Policy& policy) {
  std::vector<Sides> sides(policy.hosts.size());
  std::map<std::string, Sides> known;
  for (const InventoryEntry& entry : policy.inventory) {
    Merge(known[entry.host.ToString()], SidesOf(entry));
  }
  std::map<std::string, std::vector<std::size_t>> rules;
  for (std::size_t i = 0; i < policy.hosts.size(); ++i) {
    const HostPattern& pattern = policy.hosts[i].pattern;
    rules[pattern.ToString()].push_back(i);
    // The entry of the rule's hosts: the narrowest that covers them all.
    ForEachCovering(pattern, [&](const std::string& wider) {
      const auto entry = known.find(wider);
      if (entry != known.end()) Merge(sides[i], entry->second);
      return entry == known.end();
    });
  }
  // The rule of an entry's host: the narrowest, even where it covers others too.
  for (const InventoryEntry& entry : policy.inventory) {
    ForEachCovering(entry.host, [&](const std::string& wider) {
      const auto rule = rules.find(wider);
      if (rule == rules.end()) return true;
      for (const std::size_t i : rule->second) Merge(sides[i], SidesOf(entry));
      return false;
    });
  }
  return sides;
}

void FindSharedExposures(Lookout& lookout) {
  const std::vector<Sides> sides = SidesOfRules(lookout.policy());
  std::map<Digest, const HostRule*> first[2];  // at the edge, inside
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const HostRule& rule = lookout.policy().hosts[i];
    if (rule.mode == Mode::kOff || (!sides[i].edge && !sides[i].inside)) continue;
    if (sides[i].edge && sides[i].inside) {
      lookout.Add(Code::kSharedBetweenExposures, &rule,
                  "the rule covers hosts at the public edge and hosts inside with one set of pins",
                  std::string(kFix));
      continue;
    }
    for (const PolicyPin& entry : rule.pins) {
      // Everybody's certificates are of the public CAs.
      if (entry.pin.use == PinUse::kRevoked || lookout.cas().Find(entry.pin.digest)) continue;
      first[sides[i].edge ? 0 : 1].emplace(entry.pin.digest, &rule);
      const auto& others = first[sides[i].edge ? 1 : 0];
      const auto other = others.find(entry.pin.digest);
      if (other == others.end()) continue;
      lookout.Add(Code::kSharedBetweenExposures, &rule,
                  FormatPin(entry.pin.digest) + " is pinned " + SideName(sides[i].edge) +
                      " here and " + SideName(!sides[i].edge) + " by " +
                      other->second->pattern.ToString(),
                  std::string(kFix));
    }
  }
}

void FindSharedExposures(std::span<const LintedPolicy> policies,
                         std::vector<std::vector<Finding>>& findings) {
  const PublicCas cas;
  std::map<Digest, std::size_t> first[2];  // the file, at the edge and inside
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const Policy& policy = policies[i].policy;
    const std::vector<Sides> sides = SidesOfRules(policy);
    for (std::size_t j = 0; j < sides.size(); ++j) {
      const HostRule& rule = policy.hosts[j];
      if (rule.mode == Mode::kOff || sides[j].edge == sides[j].inside) continue;
      for (const PolicyPin& entry : rule.pins) {
        if (entry.pin.use == PinUse::kRevoked || cas.Find(entry.pin.digest)) continue;
        first[sides[j].edge ? 0 : 1].emplace(entry.pin.digest, i);
        const auto& others = first[sides[j].edge ? 1 : 0];
        const auto other = others.find(entry.pin.digest);
        if (other == others.end() || other->second == i) continue;
        findings[i].push_back(
            {Code::kSharedBetweenExposures, Severity::kWarning, rule.pattern.ToString(), rule.line,
             FormatPin(entry.pin.digest) + " is pinned " + SideName(sides[j].edge) + " here and " +
                 SideName(!sides[j].edge) + " by " + std::string(policies[other->second].file),
             std::string(kFix)});
      }
    }
  }
}

}  // namespace cotter::policy
