// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy_file.h"
#include "policy/rule_choice.h"

namespace cotter::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kOne = "pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=";
constexpr std::string_view kTwo = "k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws=";

std::string Rule(std::string_view pattern, std::string_view pin, std::string_view more = "") {
  return "[[host]]\npattern = \"" + std::string(pattern) + "\"\n" + std::string(more) +
         "\npins = [{ pin = \"" + std::string(pin) + "\" }]\n";
}

// Diff is the differences as "effect hosts".
std::vector<std::string> Diff(const std::string& before, const std::string& after) {
  const auto found = ComparePolicies(*ReadPolicy("[policy]\n" + before, "a"),
                                     *ReadPolicy("[policy]\n" + after, "b"));
  EXPECT_TRUE(found);
  std::vector<std::string> lines;
  for (const Difference& entry : *found) {
    lines.push_back(std::string(NameOf(entry.effect)) + " " + entry.hosts);
  }
  return lines;
}

TEST(ComparePolicies, TellsWhoIsLockedOutAndWhoIsNewlyPinned) {
  const std::string api = Rule("api.example.com", kOne);
  EXPECT_THAT(Diff(api, api), IsEmpty());
  EXPECT_THAT(Diff("", api), ElementsAre("newly_pinned api.example.com"));
  EXPECT_THAT(Diff(api, ""), ElementsAre("no_longer_pinned api.example.com"));
  EXPECT_THAT(Diff(api, Rule("api.example.com", kTwo)),
              ElementsAre("locked_out api.example.com", "looser api.example.com"));
  EXPECT_THAT(
      Diff(api, "revoked = [\"" + std::string(kOne) + "\"]\n" + Rule("api.example.com", kTwo)),
      ElementsAre("locked_out api.example.com", "stricter ", "looser api.example.com"));
  EXPECT_THAT(Diff(api, Rule("api.example.com", kOne, "mode = \"report\"")),
              ElementsAre("no_longer_pinned api.example.com"));
  EXPECT_THAT(Diff("", "unlisted = \"refuse\"\n"), ElementsAre("locked_out "));
  EXPECT_THAT(Diff(api, Rule("api.example.com", kOne, "ports = [443]")),
              ElementsAre("locked_out api.example.com on other ports"));
  EXPECT_THAT(Diff("environment = \"staging\"\n", "environment = \"production\"\n"),
              ElementsAre("locked_out "));
}

// What counts is which rule applies, and not which rules are written.
TEST(ComparePolicies, ComparesWhatApplies) {
  const std::string wide = Rule("**.example.com", kOne);
  EXPECT_THAT(Diff(wide, wide + Rule("api.example.com", kOne)), IsEmpty());
  EXPECT_THAT(Diff(wide, wide + Rule("api.example.com", kTwo)),
              ElementsAre("locked_out api.example.com", "looser api.example.com"));
  EXPECT_THAT(Diff(wide + Rule("api.example.com", kTwo), wide),
              ElementsAre("locked_out api.example.com", "looser api.example.com"));
}

TEST(ExplainChoice, NamesTheReasonForEveryRuleThatLost) {
  const Policy policy = *ReadPolicy(
      "[policy]\n" + Rule("**.example.com", kOne) + Rule("*.example.com", kOne) +
          Rule("api.example.com", kOne) + Rule("api.example.com", kTwo, "ports = [8443]"),
      "p");
  const PolicyIndex index = *PolicyIndex::Build(policy);
  const auto explain = [&](std::string_view host, std::uint16_t port) {
    const RuleChoice choice = ExplainChoice(policy, index, {*HostName::Parse(host), port});
    std::vector<std::string> lines = {std::to_string(choice.host) + " " + choice.why};
    for (const Candidate& candidate : choice.others) {
      lines.push_back(std::to_string(candidate.host) + " " + candidate.why);
    }
    return lines;
  };
  EXPECT_THAT(explain("api.example.com", 8443),
              ElementsAre("3 the exact name api.example.com, which names the port",
                          "0 the longer suffix wins: api.example.com",
                          "1 the longer suffix wins: api.example.com",
                          "2 the rule that names the port stands before the one for all ports"));
  EXPECT_THAT(explain("www.example.com", 443),
              ElementsAre("1 the one-label wildcard *.example.com, on every port",
                          "0 at one suffix the one-label wildcard stands before the all-depths "
                          "wildcard"));
  EXPECT_THAT(explain("other.example", 443),
              ElementsAre("0 no rule covers the host: PKI decides alone"));
}

}  // namespace
}  // namespace cotter::policy
