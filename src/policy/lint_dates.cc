// SPDX-License-Identifier: Apache-2.0
//
// Lint over expiry and review. Lead times belong to the key: what must be through before the day is
// a new policy on every client, and how long that may take shrinks with how often keys change.
#include <algorithm>

#include "policy/lint_rules.h"

namespace cotter::policy {
namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;
constexpr std::int64_t kYear = 365 * kDay;

// LifetimeOf is how long a key of the rule lives, as far as can be told: by the certificate that is
// served, else by the dates of the rule, else a year.
std::int64_t LifetimeOf(const Lookout& lookout, const HostRule& rule, Time expires) {
  for (const LiveServer& server : lookout.input().live) {
    if (&lookout.policy().hosts[server.host] == &rule && server.leaf_lifetime) {
      return *server.leaf_lifetime;
    }
  }
  if (rule.updated && *rule.updated < expires) {
    return expires.unix_seconds - rule.updated->unix_seconds;
  }
  return kYear;
}

}  // namespace

LeadTime LeadTimeFor(std::int64_t lifetime_seconds) noexcept {
  const std::int64_t lifetime = std::clamp(lifetime_seconds, kDay, kYear);
  const auto scaled = [&](std::int64_t days) {
    return std::max<std::int64_t>(1, days * lifetime / kYear);
  };
  return {scaled(90), scaled(60)};
}

void FindExpiry(Lookout& lookout, const HostRule& rule) {
  if (rule.mode == Mode::kOff) return;
  const std::optional<Time> expires = ExpiryOf(lookout.policy(), rule);
  if (!expires) {
    lookout.Add(Code::kExpiryMissing, &rule,
                "neither the rule nor the policy has an expiry: old pins enforce for ever",
                "set expires in [policy], a year ahead at most");
    return;
  }
  const std::string day = FormatDate(*expires);
  const std::int64_t left = (expires->unix_seconds - lookout.now().unix_seconds) / kDay;
  if (*expires <= lookout.now()) {
    lookout.Add(Code::kPinsExpired, &rule, "the pins expired on " + day,
                "check the pins, set a new date, publish");
    return;
  }
  const LeadTime lead = LeadTimeFor(LifetimeOf(lookout, rule, *expires));
  if (left >= lead.warning_days) return;
  const bool late = left < lead.error_days;
  lookout.AddAs(late ? Severity::kError : Severity::kWarning, Code::kExpirySoon, &rule,
                "the pins expire on " + day + ", in " + std::to_string(left) +
                    " days; the lead time here is " + std::to_string(lead.warning_days) +
                    " days, and " + std::to_string(lead.error_days) + " at the latest",
                "check the pins, set a new date, raise version, publish");
}

void FindPkiOnExpiry(Lookout& lookout, const HostRule& rule) {
  const bool foreign = lookout.input().origin == Origin::kForeign;
  const std::optional<Time> expires = ExpiryOf(lookout.policy(), rule);
  if (rule.on_expiry != OnExpiry::kPki || rule.mode == Mode::kOff) return;
  if (!lookout.in_production() && !(foreign && expires)) return;
  lookout.Add(Code::kPkiOnExpiry, &rule,
              "pinning ends silently" + (expires ? " on " + FormatDate(*expires) : std::string()) +
                  ": from then on any CA will do",
              "use on_expiry = \"enforce\" and renew the date in time, or \"report\"");
}

void FindReview(Lookout& lookout, const HostRule& rule) {
  if (!rule.review) {
    lookout.Add(Code::kReviewMissing, &rule, "the rule has no date for its next review",
                "set review to a day before expires");
  } else if (*rule.review <= lookout.now()) {
    lookout.Add(Code::kReviewOverdue, &rule,
                "the review was due on " + FormatDate(*rule.review) +
                    (rule.owner.empty() ? "" : ", by " + rule.owner),
                "review the rule, set the next date, and say so in history");
  }
}

}  // namespace cotter::policy
