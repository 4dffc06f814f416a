// SPDX-License-Identifier: Apache-2.0
//
// Lint over a policy as a whole.
#include <algorithm>
#include <map>
#include <set>

#include "policy/lint_rules.h"
#include <cotter/policy_index.h>

namespace cotter::policy {
namespace {

// Tags that say that a host handles what laws protect.
bool IsSensitiveTag(const std::string& tag) {
  return tag == "ephi" || tag == "phi" || tag == "pci" || tag == "pii";
}

bool IsSensitive(const InventoryEntry& entry) {
  return entry.data_class == DataClass::kHealth || entry.data_class == DataClass::kFinancial ||
         std::ranges::any_of(entry.tags, IsSensitiveTag);
}

}  // namespace

void FindFaults(Lookout& lookout) {
  // What could not be read is told already, and leaves faults behind that are not there.
  if (!lookout.input().issues.empty()) return;
  const std::optional<PolicyFault> fault = FindFault(lookout.policy());
  if (!fault) return;
  const HostRule* rule = fault->host ? &lookout.policy().hosts[*fault->host] : nullptr;
  lookout.Add(fault->error.code, rule, fault->error.message,
              "see cotter explain " + std::string(cotter::NameOf(fault->error.code)));
}

void FindHeaderGaps(Lookout& lookout) {
  if (lookout.policy().environment.empty()) {
    lookout.Add(Code::kEnvironmentMissing, nullptr,
                "the policy names no environment: no client can refuse that of another one",
                "set environment in [policy]");
  }
}

void FindPortOverlaps(Lookout& lookout) {
  std::map<std::string, std::vector<const HostRule*>> by_pattern;
  for (const HostRule& rule : lookout.policy().hosts) {
    by_pattern[rule.pattern.ToString()].push_back(&rule);
  }
  for (const auto& [pattern, rules] : by_pattern) {
    const bool for_all =
        std::ranges::any_of(rules, [](const HostRule* rule) { return rule->ports.empty(); });
    if (rules.size() < 2 || !for_all) continue;
    for (const HostRule* rule : rules) {
      if (rule->ports.empty()) continue;
      lookout.Add(Code::kPortsOverlap, rule,
                  "port " + std::to_string(rule->ports.front()) +
                      " is ruled here and by the rule of this host for all ports; this one wins",
                  "keep both if they differ on purpose, else merge them");
    }
  }
}

void FindUnpinnedInventory(Lookout& lookout) {
  for (const InventoryEntry& entry : lookout.policy().inventory) {
    const std::string host = entry.host.ToString();
    const bool enforced =
        lookout.enforced().Has(entry.host) || lookout.enforced().Covers(entry.host);
    if (IsSensitive(entry) && !enforced) {
      lookout.AddAtLine(Code::kInventoryUnpinned, host, entry.line,
                        "the host handles sensitive data, and no rule enforces pins for it",
                        "pin it, or decide with cotter assess and write down why not");
    }
    if (entry.owner.empty()) {
      lookout.AddAtLine(Code::kOwnerMissing, host, entry.line, "nobody owns the host",
                        "set owner to a team's address");
    }
    if (entry.review && *entry.review <= lookout.now()) {
      lookout.AddAtLine(Code::kReviewOverdue, host, entry.line,
                        "the review was due on " + FormatDate(*entry.review),
                        "review the entry and set the next date");
    }
  }
}

void FindUnusedSets(Lookout& lookout) {
  std::set<std::string> used;
  for (const HostRule& rule : lookout.policy().hosts) {
    used.insert(rule.extends.begin(), rule.extends.end());
  }
  for (const PinSet& set : lookout.policy().pin_sets) {
    used.insert(set.extends.begin(), set.extends.end());
  }
  for (const PinSet& set : lookout.policy().pin_sets) {
    if (used.contains(set.name)) continue;
    lookout.AddAtLine(Code::kUnusedPinSet, "", set.line, "no rule extends the pin set " + set.name,
                      "remove it, or extend it");
  }
}

void FindLiveTrouble(Lookout& lookout) {
  for (const LiveServer& server : lookout.input().live) {
    const HostRule& rule = lookout.policy().hosts[server.host];
    if (server.mismatch) {
      lookout.Add(
          Code::kLiveMismatch, &rule, server.target + ": " + server.mismatch->message,
          "do not publish this before you know why: cotter check --policy FILE " + server.target);
    }
    for (const PolicyPin& entry : rule.pins) {
      if (entry.pin.use == PinUse::kBackup &&
          std::ranges::find(server.served, entry.pin.digest) != server.served.end()) {
        lookout.Add(Code::kBackupServed, &rule,
                    FormatPin(entry.pin.digest) + " is marked as a backup, and " + server.target +
                        " serves it",
                    "pin a key in reserve as backup, and mark this one active");
      }
    }
    const std::optional<Time> expires = ExpiryOf(lookout.policy(), rule);
    for (const auto& [spki, end] : server.ca_ends) {
      const bool pinned = std::ranges::any_of(
          rule.pins, [&, &key = spki](const PolicyPin& entry) { return entry.pin.digest == key; });
      if (!pinned || !expires || end >= *expires || lookout.cas().Find(spki) != nullptr) continue;
      lookout.Add(Code::kCaEndsFirst, &rule,
                  "the pins are to hold until " + FormatDate(*expires) + ", but the CA " +
                      FormatPin(spki) + " of " + server.target + " ends on " + FormatDate(end),
                  "add the pin of the CA's successor, or set expires before that day");
    }
  }
}

}  // namespace cotter::policy
