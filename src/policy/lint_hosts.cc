// SPDX-License-Identifier: Apache-2.0
//
// Lint over the hosts that a rule covers.
#include <algorithm>

#include "policy/lint_rules.h"

namespace cotter::policy {
namespace {

// A name has at most 253 characters (RFC 1035, 2.3.4), and the shortest label and its dot take two.
constexpr std::size_t kLongestWildcardBase = 251;

}  // namespace

void FindWildcards(Lookout& lookout, const HostRule& rule) {
  const HostPattern& pattern = rule.pattern;
  if (pattern.kind() == HostPattern::Kind::kExact || rule.mode == Mode::kOff) return;
  if (IsPublicSuffix(pattern.base())) {
    lookout.Add(Code::kPublicSuffixWildcard, &rule,
                std::string(pattern.base().text()) +
                    " is a public suffix: the rule covers hosts that strangers own",
                "name the hosts that are yours");
  } else if (pattern.kind() == HostPattern::Kind::kAllDepths) {
    lookout.Add(
        Code::kWideWildcard, &rule,
        "the rule covers every host at every depth below " + std::string(pattern.base().text()),
        "name the hosts, or use *. for one label");
  }
}

void FindThirdParty(Lookout& lookout, const HostRule& rule) {
  if (rule.mode == Mode::kOff) return;
  const std::string_view owner = ThirdPartyOf(rule.pattern.base());
  if (owner.empty()) return;
  const Severity most =
      SeverityIn(Code::kThirdPartyHost, lookout.input().profile, lookout.input().origin);
  const bool wildcard = rule.pattern.kind() != HostPattern::Kind::kExact;
  lookout.AddAs(wildcard ? most : std::min(most, Severity::kInfo), Code::kThirdPartyHost, &rule,
                "the hosts are " + std::string(owner) + "'s: keys and CAs change without notice",
                "do not pin what you do not control, or pin several CAs and begin with mode = "
                "\"report\"");
}

void FindUnreachable(Lookout& lookout, const HostRule& rule) {
  const auto add = [&](std::string why) {
    lookout.Add(Code::kUnreachableRule, &rule, std::move(why), "remove the rule, or correct it");
  };
  const std::optional<Time> expires = ExpiryOf(lookout.policy(), rule);
  if (rule.pattern.kind() == HostPattern::Kind::kOneLabel &&
      rule.pattern.base().text().size() > kLongestWildcardBase) {
    add("the base is so long that no host name fits below it");
  } else if (rule.mode == Mode::kOff) {
    const bool needed = lookout.policy().unlisted == Unlisted::kRefuse ||
                        lookout.active().Covers(rule.pattern) || lookout.active().Has(rule.pattern);
    if (!needed) add("mode = \"off\" leaves out what no other rule pins");
  } else if (expires && *expires <= lookout.now() && rule.on_expiry == OnExpiry::kPki) {
    add("the rule ended on " + FormatDate(*expires) + " and has had no effect since");
  }
}

void FindReportOnly(Lookout& lookout, const HostRule& rule) {
  if (rule.mode != Mode::kReport || !lookout.in_production()) return;
  lookout.Add(Code::kReportOnly, &rule,
              "mismatches are told and let through: nobody is protected yet",
              "when reports have been quiet for as long as a release takes to arrive, set mode = "
              "\"enforce\"");
}

void FindMissingOwner(Lookout& lookout, const HostRule& rule) {
  if (!rule.owner.empty()) return;
  lookout.Add(Code::kOwnerMissing, &rule, "nobody owns the rule", "set owner to a team's address");
}

}  // namespace cotter::policy
