// SPDX-License-Identifier: Apache-2.0
#include "watch/rule_table.h"

namespace cotter::watch {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
constexpr seconds kAtOnce{0};

// The times are long enough that one lost look wakes nobody, and short beside what goes wrong.
constexpr Rule kRules[] = {
    {Code::kPinMismatch, Severity::kCritical, minutes(1), Basis::kFacts,
     "a server presents no key that its rule pins"},
    {Code::kRevoked, Severity::kCritical, kAtOnce, Basis::kFacts,
     "a server presents a key that the policy revokes"},
    {Code::kPkiError, Severity::kCritical, minutes(1), Basis::kFacts,
     "what a server presents does not verify"},
    {Code::kCertExpired, Severity::kCritical, kAtOnce, Basis::kClock,
     "a certificate is past its end, or before its beginning"},
    {Code::kUnreachable, Severity::kCritical, minutes(5), Basis::kFacts,
     "most vantage points cannot look at a server"},
    {Code::kLeafKeyChanged, Severity::kCritical, kAtOnce, Basis::kFacts,
     "the leaf key changed with no rotation open"},
    {Code::kUnexpectedIntermediate, Severity::kWarning, minutes(1), Basis::kFacts,
     "a path goes through an intermediate that was not there before"},
    {Code::kCdnDifference, Severity::kWarning, minutes(15), Basis::kFacts,
     "the addresses of a server present different keys, not all of them pinned"},
    {Code::kVantageDisagreement, Severity::kWarning, minutes(15), Basis::kFacts,
     "vantage points see different keys"},
    {Code::kVantageStale, Severity::kWarning, minutes(5), Basis::kFacts,
     "a vantage point has stopped reporting"},
    {Code::kRenewalOverdue, Severity::kWarning, minutes(10), Basis::kClock,
     "a certificate is past three quarters of its life"},
    {Code::kNoLiveBackup, Severity::kCritical, minutes(10), Basis::kFacts,
     "every pin is for a key that is served already"},
    {Code::kBackupUnproven, Severity::kWarning, minutes(10), Basis::kClock,
     "no standby endpoint has shown lately that it holds a backup key"},
    {Code::kPinsExpired, Severity::kCritical, kAtOnce, Basis::kClock,
     "the pins of a server are past their expiry"},
    {Code::kExpirySoon, Severity::kWarning, kAtOnce, Basis::kClock,
     "the pins of a server expire within their lead time"},
    {Code::kReviewOverdue, Severity::kWarning, kAtOnce, Basis::kClock,
     "the review of a rule is overdue"},
    {Code::kClockSkew, Severity::kWarning, kAtOnce, Basis::kFacts,
     "the clock of this machine jumped"},
    {Code::kStateUnusable, Severity::kCritical, kAtOnce, Basis::kFacts,
     "what watch knows cannot be kept on disk"},
    {Code::kAlertUndelivered, Severity::kWarning, minutes(5), Basis::kFacts,
     "a sink takes no alerts"},
};

}  // namespace

std::span<const Rule> AllRules() noexcept { return kRules; }

const Rule* FindRule(Code code) noexcept {
  for (const Rule& rule : kRules) {
    if (rule.code == code) return &rule;
  }
  return nullptr;
}

std::string RuleNames() {
  std::string names;
  for (const Rule& rule : kRules) {
    if (!names.empty()) names += ", ";
    names += NameOf(rule.code);
  }
  return names;
}

}  // namespace cotter::watch
