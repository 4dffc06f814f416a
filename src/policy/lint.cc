// SPDX-License-Identifier: Apache-2.0
#include "policy/lint.h"

#include <algorithm>
#include <array>
#include <map>

#include "policy/lint_rules.h"

namespace cotter::policy {
namespace {

constexpr Severity kOff = Severity::kOff;
constexpr Severity kInfo = Severity::kInfo;
constexpr Severity kWarning = Severity::kWarning;
constexpr Severity kError = Severity::kError;

// How much a finding matters to whom. What is not here is an error for everybody.
struct Weight {
  Code code;
  std::array<Severity, 5> by_profile;  // standard, mobile, healthcare, internal, strict
  Severity foreign;                    // at most, where other programs' files cannot say better
};

constexpr Weight kWeights[] = {
    {Code::kFewPins, {kWarning, kWarning, kWarning, kInfo, kError}, kError},
    {Code::kNoBackupPin, {kWarning, kError, kError, kWarning, kError}, kOff},
    {Code::kBackupServed, {kError, kError, kError, kWarning, kError}, kError},
    {Code::kCertPin, {kWarning, kError, kError, kWarning, kError}, kError},
    {Code::kLeafKeyOnly, {kInfo, kWarning, kInfo, kOff, kInfo}, kWarning},
    {Code::kDuplicatePin, {kWarning, kWarning, kWarning, kWarning, kError}, kError},
    {Code::kUnreachableRule, {kWarning, kWarning, kWarning, kWarning, kError}, kWarning},
    {Code::kThirdPartyHost, {kWarning, kWarning, kWarning, kWarning, kError}, kError},
    {Code::kBroadCaPin, {kInfo, kInfo, kWarning, kWarning, kWarning}, kWarning},
    {Code::kWideWildcard, {kInfo, kInfo, kWarning, kInfo, kWarning}, kInfo},
    {Code::kCaLeaving, {kWarning, kError, kError, kWarning, kError}, kError},
    {Code::kCaEndsFirst, {kWarning, kWarning, kWarning, kWarning, kError}, kError},
    {Code::kPkiOnExpiry, {kError, kError, kError, kWarning, kError}, kWarning},
    {Code::kExpirySoon, {kWarning, kWarning, kWarning, kWarning, kWarning}, kError},
    {Code::kExpiryMissing, {kWarning, kWarning, kWarning, kInfo, kError}, kOff},
    {Code::kReviewOverdue, {kWarning, kWarning, kError, kWarning, kError}, kError},
    {Code::kReviewMissing, {kOff, kOff, kWarning, kOff, kWarning}, kOff},
    {Code::kPortsOverlap, {kInfo, kInfo, kInfo, kInfo, kWarning}, kInfo},
    {Code::kReportOnly, {kWarning, kWarning, kWarning, kWarning, kWarning}, kWarning},
    {Code::kEnvironmentMissing, {kWarning, kWarning, kError, kInfo, kError}, kOff},
    {Code::kOwnerMissing, {kOff, kOff, kWarning, kOff, kWarning}, kOff},
    {Code::kInventoryUnpinned, {kWarning, kWarning, kError, kWarning, kError}, kOff},
    {Code::kSharedBetweenExposures, {kWarning, kWarning, kError, kWarning, kError}, kOff},
    {Code::kUnusedPinSet, {kWarning, kWarning, kWarning, kWarning, kWarning}, kWarning},
};

using HostCheck = void (*)(Lookout&, const HostRule&);
constexpr HostCheck kHostChecks[] = {
    FindTooFewPins, FindMissingBackup, FindCertPins,  FindLeafKeysOnly, FindDuplicatePins,
    FindBroadCas,   FindLeavingCas,    FindWildcards, FindThirdParty,   FindUnreachable,
    FindReportOnly, FindMissingOwner,  FindExpiry,    FindPkiOnExpiry,  FindReview};

using PolicyCheck = void (*)(Lookout&);
constexpr PolicyCheck kPolicyChecks[] = {
    FindFaults,     FindHeaderGaps,  FindPortOverlaps,   FindUnpinnedInventory,
    FindUnusedSets, FindLiveTrouble, FindSharedExposures};

void FindSharedEnvironments(std::span<const LintedPolicy> policies,
                            std::vector<std::vector<Finding>>& findings) {
  std::map<Digest, std::size_t> first;  // where a pin was seen first
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const Policy& policy = policies[i].policy;
    if (policy.environment.empty()) continue;
    for (const HostRule& rule : policy.hosts) {
      for (const PolicyPin& entry : rule.pins) {
        if (entry.pin.use == PinUse::kRevoked) continue;
        const auto [seen, fresh] = first.emplace(entry.pin.digest, i);
        const LintedPolicy& other = policies[seen->second];
        if (fresh || other.policy.environment == policy.environment) continue;
        findings[i].push_back(
            {Code::kSharedBetweenEnvironments, Severity::kError, rule.pattern.ToString(), rule.line,
             FormatPin(entry.pin.digest) + " is pinned in " + policy.environment + " here and in " +
                 other.policy.environment + " by " + std::string(other.file),
             "make separate keys, and pin each in its own environment"});
      }
    }
  }
}

std::string FixFor(Code code) {
  switch (code) {
    case Code::kPinMalformed:
    case Code::kPinWrongLength:
    case Code::kPinPlaceholder:
    case Code::kPinEmptyInput:
      return "put the pin of a key there: cotter pins HOST, or cotter pins FILE";
    case Code::kPolicyNoUsablePin:
      return "give the rule a pin: cotter pins HOST; or leave the host out with mode = \"off\"";
    case Code::kDebugOverride:
      return "move it into <debug-overrides>, which release builds do not read";
    case Code::kTimeInvalid:
      return "write the date as 2027-06-30";
    default:
      return "see cotter explain " + std::string(cotter::NameOf(code));
  }
}

}  // namespace

std::string_view NameOf(Severity severity) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"off", "info", "warning", "error"};
  return kNames[static_cast<std::size_t>(severity)];
}

Severity SeverityIn(Code code, Profile profile, Origin origin) noexcept {
  const auto weight = std::ranges::find(kWeights, code, &Weight::code);
  if (weight == std::end(kWeights)) return kError;
  const Severity severity = weight->by_profile[static_cast<std::size_t>(profile)];
  return origin == Origin::kForeign ? std::min(severity, weight->foreign) : severity;
}

void PatternSet::Add(const HostPattern& pattern) { patterns_.insert(pattern.ToString()); }

bool PatternSet::Has(const HostPattern& pattern) const {
  return patterns_.contains(pattern.ToString());
}

bool PatternSet::Covers(const HostPattern& pattern) const {
  bool covered = false;
  ForEachCovering(pattern, [&, is_itself = true](const std::string& wider) mutable {
    covered = !std::exchange(is_itself, false) && patterns_.contains(wider);
    return !covered;
  });
  return covered;
}

Lookout::Lookout(const LintInput& input) : input_(input) {
  for (const HostRule& rule : input.policy.hosts) {
    if (rule.mode != Mode::kOff) active_.Add(rule.pattern);
    if (rule.mode == Mode::kEnforce) enforced_.Add(rule.pattern);
  }
}

void Lookout::Add(Code code, const HostRule* rule, std::string message, std::string fix) {
  AddAs(SeverityIn(code, input_.profile, input_.origin), code, rule, std::move(message),
        std::move(fix));
}

void Lookout::AddAs(Severity severity, Code code, const HostRule* rule, std::string message,
                    std::string fix) {
  if (severity == kOff || SeverityIn(code, input_.profile, input_.origin) == kOff) return;
  findings_.push_back({code, severity, rule == nullptr ? "" : rule->pattern.ToString(),
                       rule == nullptr ? 0 : rule->line, std::move(message), std::move(fix)});
}

void Lookout::AddAtLine(Code code, std::string rule, std::uint32_t line, std::string message,
                        std::string fix) {
  const Severity severity = SeverityIn(code, input_.profile, input_.origin);
  if (severity == kOff) return;
  findings_.push_back({code, severity, std::move(rule), line, std::move(message), std::move(fix)});
}

std::optional<Time> ExpiryOf(const Policy& policy, const HostRule& rule) noexcept {
  if (!rule.expires) return policy.expires;
  if (!policy.expires) return rule.expires;
  return std::min(*rule.expires, *policy.expires);
}

std::vector<Finding> Lint(const LintInput& input) {
  Lookout lookout(input);
  for (const ReadIssue& issue : input.issues) {
    lookout.AddAtLine(issue.code, issue.rule, issue.at.line, issue.message, FixFor(issue.code));
  }
  for (const PolicyCheck check : kPolicyChecks) check(lookout);
  for (const HostRule& rule : input.policy.hosts) {
    for (const HostCheck check : kHostChecks) check(lookout, rule);
  }
  std::vector<Finding> findings = lookout.Take();
  for (Finding& finding : FindSecrets(input.text)) findings.push_back(std::move(finding));
  std::ranges::stable_sort(findings, {}, &Finding::line);
  return findings;
}

std::vector<std::vector<Finding>> LintTogether(std::span<const LintedPolicy> policies) {
  std::vector<std::vector<Finding>> findings(policies.size());
  FindSharedEnvironments(policies, findings);
  FindSharedExposures(policies, findings);
  return findings;
}

}  // namespace cotter::policy
