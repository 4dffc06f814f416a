// SPDX-License-Identifier: Apache-2.0
//
// What the rules of lint share, and the rules themselves: one function each. For the files of lint
// alone; used by one thread.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "policy/known_names.h"
#include "policy/lint.h"

namespace cotter::policy {

// SeverityIn is how much `code` matters in `profile`.
[[nodiscard]] Severity SeverityIn(Code code, Profile profile, Origin origin) noexcept;

// ForEachCovering calls `visit` for `pattern` and every pattern that covers all its hosts, the
// narrowest first, until it returns false.
template <typename Visit>
void ForEachCovering(const HostPattern& pattern, Visit visit) {
  using Kind = HostPattern::Kind;
  if (!visit(pattern.ToString()) || pattern.base().is_ip()) return;
  const std::string_view base = pattern.base().text();
  if (pattern.kind() != Kind::kAllDepths && !visit("**." + std::string(base))) return;
  bool direct = pattern.kind() == Kind::kExact;
  for (std::size_t dot = base.find('.'); dot != std::string_view::npos;
       dot = base.find('.', dot + 1)) {
    const std::string rest(base.substr(dot + 1));
    if (direct && !visit("*." + rest)) return;
    direct = false;
    if (!visit("**." + rest)) return;
  }
}

// PatternSet answers whether some pattern of it covers another, without asking each.
class PatternSet {
 public:
  void Add(const HostPattern& pattern);

  // Covers reports whether a pattern other than `pattern` itself covers all its hosts.
  [[nodiscard]] bool Covers(const HostPattern& pattern) const;
  [[nodiscard]] bool Has(const HostPattern& pattern) const;

 private:
  std::set<std::string, std::less<>> patterns_;
};

// Lookout is what every rule sees, and where it puts its findings.
class Lookout {
 public:
  explicit Lookout(const LintInput& input);

  [[nodiscard]] const Policy& policy() const noexcept { return input_.policy; }
  [[nodiscard]] const LintInput& input() const noexcept { return input_; }
  [[nodiscard]] const PublicCas& cas() const noexcept { return cas_; }
  // active is the patterns of rules that are not off, enforced of those that enforce.
  [[nodiscard]] const PatternSet& active() const noexcept { return active_; }
  [[nodiscard]] const PatternSet& enforced() const noexcept { return enforced_; }
  [[nodiscard]] Time now() const noexcept { return input_.now; }
  [[nodiscard]] bool in_production() const noexcept {
    return input_.policy.environment == "production";
  }

  // Add records a finding with the profile's severity, unless that is off.
  void Add(Code code, const HostRule* rule, std::string message, std::string fix);
  // AddAs does so with another severity, where the profile wants it at all.
  void AddAs(Severity severity, Code code, const HostRule* rule, std::string message,
             std::string fix);
  void AddAtLine(Code code, std::string rule, std::uint32_t line, std::string message,
                 std::string fix);

  [[nodiscard]] std::vector<Finding> Take() { return std::move(findings_); }

 private:
  const LintInput& input_;
  PublicCas cas_;
  PatternSet active_;
  PatternSet enforced_;
  std::vector<Finding> findings_;
};

// ExpiryOf is the earlier of the rule's expiry and the policy's.
[[nodiscard]] std::optional<Time> ExpiryOf(const Policy& policy, const HostRule& rule) noexcept;

// Sides is where a rule's hosts stand, by the inventory's exposures: public and partner are the
// edge, vpn and internal are inside.
struct Sides {
  bool edge = false;
  bool inside = false;
};

// SidesOfRules is the sides of each rule of the policy.
[[nodiscard]] std::vector<Sides> SidesOfRules(const Policy& policy);

// UsablePins is how many different digests of the rule could match.
[[nodiscard]] std::size_t UsablePins(const HostRule& rule);

// Of one rule (lint_pins.cc, lint_hosts.cc, lint_dates.cc).
void FindTooFewPins(Lookout& lookout, const HostRule& rule);
void FindMissingBackup(Lookout& lookout, const HostRule& rule);
void FindCertPins(Lookout& lookout, const HostRule& rule);
void FindLeafKeysOnly(Lookout& lookout, const HostRule& rule);
void FindDuplicatePins(Lookout& lookout, const HostRule& rule);
void FindBroadCas(Lookout& lookout, const HostRule& rule);
void FindLeavingCas(Lookout& lookout, const HostRule& rule);
void FindWildcards(Lookout& lookout, const HostRule& rule);
void FindThirdParty(Lookout& lookout, const HostRule& rule);
void FindUnreachable(Lookout& lookout, const HostRule& rule);
void FindReportOnly(Lookout& lookout, const HostRule& rule);
void FindMissingOwner(Lookout& lookout, const HostRule& rule);
void FindExpiry(Lookout& lookout, const HostRule& rule);
void FindPkiOnExpiry(Lookout& lookout, const HostRule& rule);
void FindReview(Lookout& lookout, const HostRule& rule);

// Of the whole policy (lint_policy.cc).
void FindFaults(Lookout& lookout);
void FindHeaderGaps(Lookout& lookout);
void FindPortOverlaps(Lookout& lookout);
void FindUnpinnedInventory(Lookout& lookout);
void FindUnusedSets(Lookout& lookout);
void FindLiveTrouble(Lookout& lookout);
void FindSharedExposures(Lookout& lookout);  // lint_exposure.cc

// FindSharedExposures tells pins that the edge of one policy shares with the inside of another.
void FindSharedExposures(std::span<const LintedPolicy> policies,
                         std::vector<std::vector<Finding>>& findings);

}  // namespace cotter::policy
