// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_choice.h"

#include <algorithm>

namespace cotter::policy {
namespace {

bool Names(const HostRule& rule, std::uint16_t port) {
  return std::ranges::find(rule.ports, port) != rule.ports.end();
}

std::string Kind(const HostPattern& pattern) {
  switch (pattern.kind()) {
    case HostPattern::Kind::kExact:
      return "exact name";
    case HostPattern::Kind::kOneLabel:
      return "one-label wildcard";
    case HostPattern::Kind::kAllDepths:
      return "all-depths wildcard";
  }
  return {};
}

// WhyNot is why `winner` stands before `loser`, both of which cover the end point.
std::string WhyNot(const HostRule& loser, const HostRule& winner, std::uint16_t port) {
  if (!loser.ports.empty() && !Names(loser, port)) return "it is for other ports";
  const std::size_t lost = loser.pattern.base().text().size();
  const std::size_t won = winner.pattern.base().text().size();
  if (lost != won) return "the longer suffix wins: " + winner.pattern.ToString();
  if (loser.pattern.kind() != winner.pattern.kind()) {
    return "at one suffix the " + Kind(winner.pattern) + " stands before the " +
           Kind(loser.pattern);
  }
  return "the rule that names the port stands before the one for all ports";
}

std::string WhyWithout(const Policy& policy, Lookup::Kind kind, std::uint16_t port) {
  if (kind == Lookup::Kind::kOtherPorts) {
    return "the host is ruled, but not on port " + std::to_string(port) + ": refused";
  }
  return policy.unlisted == Unlisted::kRefuse ? "no rule covers the host: refused (unlisted)"
                                              : "no rule covers the host: PKI decides alone";
}

}  // namespace

RuleChoice ExplainChoice(const Policy& policy, const PolicyIndex& index, const Endpoint& endpoint) {
  const Lookup lookup = index.Find(endpoint.host, endpoint.port);
  RuleChoice choice{.kind = lookup.kind, .why = {}, .others = {}};
  const HostRule* winner = nullptr;
  if (lookup.kind == Lookup::Kind::kRule) {
    choice.host = lookup.rule.source();
    winner = &policy.hosts[choice.host];
    choice.why = "the " + Kind(winner->pattern) + " " + winner->pattern.ToString() +
                 (winner->ports.empty() ? ", on every port" : ", which names the port");
  } else {
    choice.why = WhyWithout(policy, lookup.kind, endpoint.port);
  }
  for (std::size_t i = 0; i < policy.hosts.size(); ++i) {
    const HostRule& rule = policy.hosts[i];
    if (&rule == winner || !rule.pattern.Matches(endpoint.host)) continue;
    choice.others.push_back(
        {i, winner == nullptr ? "it is for other ports" : WhyNot(rule, *winner, endpoint.port)});
  }
  return choice;
}

}  // namespace cotter::policy
