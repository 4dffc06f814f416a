// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a server, from the facts of every vantage point, what is remembered, and what
// the policy says: the rules of rule_table.h. Pure; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "watch/alert_book.h"
#include "watch/facts.h"
#include "watch/memory.h"
#include "watch/policy_view.h"
#include <cotter/time.h>

namespace cotter::watch {

// VantageReport is the latest look from one vantage point. Borrows.
struct VantageReport {
  std::string name;
  const ServerFacts* facts = nullptr;
};

// Whether standby endpoints were looked at at least once since the start.
enum class Standby : std::uint8_t { kNone, kNotYet, kLookedAt };

// ServerView is everything that is known of one server. Borrows.
struct ServerView {
  const Subject& subject;
  const RuleView& rule;
  const ServerMemory& memory;
  std::vector<VantageReport> reports;  // that are not stale; the own one first
  std::size_t awaited = 0;             // vantage points that have not reported since the start
  Rotation rotation = Rotation::kNone;
  Standby standby = Standby::kNone;
  const std::vector<Digest>& intermediates;  // expected ones; empty: those of the baseline
  std::int64_t backup_proof_days = 90;
  std::uint64_t policy_version = 0;
};

// MostDissenters is how many of `vantages` may see something else before it is believed: the rule
// of multi-perspective validation (CA/Browser Forum Baseline Requirements, 3.2.2.9): 1 of 2 to 5, 2
// of 6 and more. One that is alone is believed.
[[nodiscard]] std::size_t MostDissenters(std::size_t vantages) noexcept;

// DistinctViews is how many groups of vantage points there are that have no leaf key in common; 0
// where nobody saw one.
[[nodiscard]] std::size_t DistinctViews(const std::vector<VantageReport>& reports);

// ServedPins counts the rule's pins that verified paths of `facts` hold, and those that none holds.
struct ServedPins {
  std::size_t live = 0;
  std::size_t spare = 0;
};
[[nodiscard]] ServedPins CountPins(const RuleView& rule, const ServerFacts& facts);

// Judge is what is so of the server at `now`, each code once.
[[nodiscard]] std::vector<Condition> Judge(const ServerView& view, Time now);

}  // namespace cotter::watch
