// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/fake_paths.h"
#include <cotter/policy_index.h>

namespace cotter {
namespace {

using testing::KeyDigest;

HostRule Rule(std::string_view pattern, std::vector<std::uint16_t> ports = {}) {
  HostRule rule{.pattern = *HostPattern::Parse(pattern)};
  rule.ports = std::move(ports);
  rule.pins = {{.pin = {.digest = KeyDigest(1)}, .label = ""},
               {.pin = {.digest = KeyDigest(2), .use = PinUse::kBackup}, .label = ""}};
  return rule;
}

PolicyIndex Index(std::vector<HostRule> rules) {
  Policy policy;
  policy.name = "test";
  policy.environment = "staging";
  policy.version = 7;
  policy.hosts = std::move(rules);
  Result<PolicyIndex> index = PolicyIndex::Build(policy);
  EXPECT_TRUE(index) << index.error().message;
  return *std::move(index);
}

std::string Find(const PolicyIndex& index, std::string_view host, std::uint16_t port = 443) {
  const Lookup lookup = index.Find(*HostName::Parse(host), port);
  switch (lookup.kind) {
    case Lookup::Kind::kRule:
      return lookup.rule.pattern() + "#" + std::to_string(lookup.rule.source());
    case Lookup::Kind::kUnlisted:
      return "unlisted";
    case Lookup::Kind::kOtherPorts:
      return "other ports";
    case Lookup::Kind::kDamaged:
      return "damaged";
  }
  return "";
}

// S1-23: the longest suffix, then exact, one label, all depths.
TEST(PolicyIndex, OneRuleApplies_S1_23) {
  const PolicyIndex index =
      Index({Rule("**.example.com"), Rule("*.example.com"), Rule("example.com"),
             Rule("api.example.com"), Rule("**.deep.example.com"), Rule("192.0.2.1"), Rule("::1")});
  EXPECT_EQ(Find(index, "example.com"), "example.com#2");
  EXPECT_EQ(Find(index, "api.example.com"), "api.example.com#3");
  EXPECT_EQ(Find(index, "www.example.com"), "*.example.com#1");
  EXPECT_EQ(Find(index, "a.b.example.com"), "**.example.com#0");
  EXPECT_EQ(Find(index, "deep.example.com"), "**.deep.example.com#4");
  EXPECT_EQ(Find(index, "x.y.deep.example.com"), "**.deep.example.com#4");
  EXPECT_EQ(Find(index, "192.0.2.1"), "192.0.2.1#5");
  EXPECT_EQ(Find(index, "::1"), "::1#6");
  EXPECT_EQ(Find(index, "example.org"), "unlisted");
  EXPECT_EQ(Find(index, "badexample.com"), "unlisted");
  EXPECT_EQ(Find(index, "com"), "unlisted");
  EXPECT_EQ(Find(index, "192.0.2.2"), "unlisted");
}

TEST(PolicyIndex, PortsChooseAmongRulesOfOnePattern) {
  const PolicyIndex index =
      Index({Rule("a.example"), Rule("a.example", {8443, 9443}), Rule("b.example", {443}),
             Rule("c.b.example", {8443}), Rule("**.b.example", {443})});
  EXPECT_EQ(Find(index, "a.example", 443), "a.example#0");
  EXPECT_EQ(Find(index, "a.example", 8443), "a.example#1");
  EXPECT_EQ(Find(index, "a.example", 9443), "a.example#1");
  EXPECT_EQ(Find(index, "b.example", 443), "b.example#2");
  EXPECT_EQ(Find(index, "b.example", 444), "other ports");
  EXPECT_EQ(Find(index, "c.b.example", 443), "**.b.example#4");
  EXPECT_EQ(Find(index, "c.b.example", 22), "other ports");
}

TEST(PolicyIndex, PortsOfIsEveryPortThatARuleOfTheHostNames) {
  const PolicyIndex index =
      Index({Rule("api.example.com", {443, 8443}), Rule("*.example.com", {9443}),
             Rule("**.example.com"), Rule("other.example.com", {1}), Rule("192.0.2.1", {5})});
  using Ports = std::vector<std::uint16_t>;
  EXPECT_EQ(index.PortsOf(*HostName::Parse("api.example.com")), (Ports{443, 8443, 9443}));
  EXPECT_EQ(index.PortsOf(*HostName::Parse("a.b.example.com")), Ports{});
  EXPECT_EQ(index.PortsOf(*HostName::Parse("192.0.2.1")), Ports{5});
  EXPECT_EQ(index.PortsOf(*HostName::Parse("192.0.2.2")), Ports{});
  EXPECT_EQ(index.PortsOf(*HostName::Parse("example.org")), Ports{});
}

TEST(PolicyIndex, AWildcardNeverMatchesAnAddress) {
  // "*.0.2.1" cannot be written; the nearest an attacker gets is a host whose suffix is a number,
  // which is no host.
  const PolicyIndex index = Index({Rule("**.example")});
  EXPECT_EQ(Find(index, "192.0.2.1"), "unlisted");
}

struct BadPolicy {
  std::vector<HostRule> rules;
  Code code;
};

TEST(PolicyIndex, BuildRefusesWhatContradictsItself) {
  HostRule empty = Rule("a.example");
  empty.pins.clear();
  HostRule all_revoked = Rule("a.example");
  for (PolicyPin& pin : all_revoked.pins) pin.pin.use = PinUse::kRevoked;
  HostRule leaf_only = Rule("a.example");
  leaf_only.require = Require::kLeafAndCa;
  for (PolicyPin& pin : leaf_only.pins) pin.pin.place = PinPlace::kLeaf;
  HostRule many = Rule("a.example");
  many.pins.resize(kMaxPinsPerRule + 1, many.pins[0]);
  const BadPolicy cases[] = {
      {{Rule("a.example"), Rule("A.example.")}, Code::kPolicyDuplicate},
      {{Rule("a.example", {443, 444}), Rule("a.example", {444})}, Code::kPolicyDuplicate},
      {{Rule("a.example", {443, 443})}, Code::kPolicyDuplicate},
      {{Rule("a.example", {0})}, Code::kPortInvalid},
      {{empty}, Code::kPolicyNoUsablePin},
      {{all_revoked}, Code::kPolicyNoUsablePin},
      {{leaf_only}, Code::kPolicyNoUsablePin},
      {{many}, Code::kPolicyTooLarge},
      {std::vector<HostRule>(kMaxPolicyRules + 1, Rule("a.example")), Code::kPolicyTooLarge},
  };
  for (const BadPolicy& test : cases) {
    Policy policy;
    policy.hosts = test.rules;
    const Result<PolicyIndex> index = PolicyIndex::Build(policy);
    ASSERT_FALSE(index);
    EXPECT_EQ(NameOf(index.error().code), NameOf(test.code)) << index.error().message;
  }
}

// It was told as two rules in conflict, both in one line.
TEST(PolicyIndex, APortThatStandsTwiceIsAFaultOfOneRule) {
  Policy policy;
  policy.hosts = {Rule("a.example", {443, 443})};
  const Result<PolicyIndex> index = PolicyIndex::Build(policy);
  ASSERT_FALSE(index);
  EXPECT_NE(index.error().message.find("has port 443 twice"), std::string::npos)
      << index.error().message;
}

TEST(PolicyIndex, ARuleThatIsOffNeedsNoPins) {
  HostRule off = Rule("a.example");
  off.pins.clear();
  off.mode = Mode::kOff;
  EXPECT_EQ(Find(Index({off}), "a.example"), "a.example#0");
}

// The oracle is the pattern's own Matches and the words of the precedence rule, tried one rule
// after the other.
std::string FindSlowly(const std::vector<HostRule>& rules, const HostName& host) {
  const HostRule* best = nullptr;
  for (const HostRule& rule : rules) {
    if (!rule.pattern.Matches(host)) continue;
    const auto rank = [](const HostRule& r) {
      return std::pair(r.pattern.base().text().size(), -static_cast<int>(r.pattern.kind()));
    };
    if (best == nullptr || rank(rule) > rank(*best)) best = &rule;
  }
  return best == nullptr ? "unlisted" : best->pattern.ToString();
}

TEST(PolicyIndex, AgreesWithTryingEveryRule) {
  std::mt19937 random(20261120);
  const auto name = [&](std::size_t labels) {
    std::string text;
    for (std::size_t i = 0; i < labels; ++i) {
      text += std::string(1, static_cast<char>('a' + random() % 3)) + (i + 1 < labels ? "." : "");
    }
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<HostRule> rules;
    for (int i = 0; i < 20; ++i) {
      const char* const stars[] = {"", "*.", "**."};
      HostRule rule = Rule(stars[random() % 3] + name(1 + random() % 4));
      const bool taken = std::ranges::any_of(
          rules, [&](const HostRule& other) { return other.pattern == rule.pattern; });
      if (!taken) rules.push_back(rule);
    }
    const PolicyIndex index = Index(rules);
    for (int i = 0; i < 50; ++i) {
      const HostName host = *HostName::Parse(name(1 + random() % 5));
      std::string found = Find(index, host.text());
      found = found.substr(0, found.find('#'));
      EXPECT_EQ(found, FindSlowly(rules, host)) << host.text();
    }
  }
}

TEST(PolicyIndex, OpensWhatItBuilt) {
  const PolicyIndex built = Index({Rule("api.example.com"), Rule("*.example.com")});
  const Bytes copy(built.image().begin(), built.image().end());
  const Result<PolicyIndex> opened = PolicyIndex::Open(copy, nullptr);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->name(), "test");
  EXPECT_EQ(opened->environment(), "staging");
  EXPECT_EQ(opened->version(), 7U);
  EXPECT_EQ(opened->rule_count(), 2U);
  EXPECT_EQ(Find(*opened, "api.example.com"), "api.example.com#0");
}

// SeesDamage asks for names without a rule, until they have come by every slot of a small index.
bool SeesDamage(const PolicyIndex& index) {
  bool damaged = false;
  for (int i = 0; i < 64; ++i) {
    const std::string found = Find(index, "other" + std::to_string(i) + ".test");
    EXPECT_THAT(found, ::testing::AnyOf("damaged", "unlisted")) << i;
    damaged = damaged || found == "damaged";
  }
  return damaged;
}

TEST(PolicyIndex, RefusesEveryCutAndEveryChangedByte) {
  const PolicyIndex built = Index({Rule("api.example.com"), Rule("*.example.com", {443})});
  const Bytes image(built.image().begin(), built.image().end());
  for (std::size_t size = 0; size < image.size(); ++size) {
    EXPECT_FALSE(PolicyIndex::Open(ByteView(image).first(size), nullptr)) << size;
  }
  for (std::size_t at = 0; at < image.size(); ++at) {
    Bytes changed = image;
    changed[at] ^= 0x55;
    const Result<PolicyIndex> opened = PolicyIndex::Open(changed, nullptr);
    if (!opened) continue;
    // Damage to a rule shows when it is looked up; what cannot be seen must not change an answer.
    const std::string api = Find(*opened, "api.example.com");
    const std::string www = Find(*opened, "www.example.com");
    EXPECT_THAT(api, ::testing::AnyOf("damaged", "api.example.com#0")) << at;
    EXPECT_THAT(www, ::testing::AnyOf("damaged", "*.example.com#1")) << at;
    EXPECT_TRUE(api == "damaged" || www == "damaged" || SeesDamage(*opened)) << at;
  }
}

}  // namespace
}  // namespace cotter
