// SPDX-License-Identifier: Apache-2.0
#include "policy/lint.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy_file.h"
#include <cotter/policy.h>

namespace cotter::policy {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Three pins that nobody knows, of which one is a backup.
constexpr std::string_view kOne = "{ pin = \"pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=\" }";
constexpr std::string_view kTwo =
    "{ pin = \"oZb2ItbSoJl3Kamv2sgIeC345I3lhH5V7HblBOPDPUs=\", use = \"backup\" }";
constexpr std::string_view kThree =
    "{ pin = \"sha256/6wJsqVDF8K19zxfLxV5DGRneLyzso9adVdUN/exDacw=\", place = \"ca\" }";
// ISRG Root X1 and an Entrust root, by `openssl x509 -pubkey | openssl pkey -pubin -outform DER`.
constexpr std::string_view kIsrg = "{ pin = \"C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M=\" }";
constexpr std::string_view kEntrust = "{ pin = \"du6FkDdMcVQ3u8prumAo6t3i3G27uMP2EOhR8R0at/U=\" }";

constexpr std::string_view kHead = "[policy]\nenvironment = \"production\"\nexpires = 2027-10-01\n";

std::string Pins(std::initializer_list<std::string_view> pins) {
  std::string text = "pins = [";
  for (const std::string_view pin : pins) text += std::string(pin) + ",";
  return text + "]\n";
}

std::string Rule(const std::string& pattern, const std::string& rest) {
  return "[[host]]\npattern = \"" + pattern + "\"\n" + rest;
}

struct Options {
  Profile profile = Profile::kStandard;
  std::string_view now = "2026-11-20";
  std::span<const LiveServer> live = {};
  Origin origin = Origin::kOurs;
};

std::vector<Finding> Findings(const std::string& text, const Options& options = {}) {
  const Result<LenientPolicy> read = ReadPolicyLeniently(text, "p");
  EXPECT_TRUE(read) << read.error().message;
  return Lint({.policy = read->policy,
               .issues = read->issues,
               .text = text,
               .live = options.live,
               .origin = options.origin,
               .profile = options.profile,
               .now = *ParseTime(options.now)});
}

// Lines is the findings as "severity code rule".
std::vector<std::string> Lines(const std::string& text, const Options& options = {}) {
  std::vector<std::string> lines;
  for (const Finding& finding : Findings(text, options)) {
    EXPECT_FALSE(finding.message.empty());
    EXPECT_FALSE(finding.fix.empty());
    lines.push_back(std::string(NameOf(finding.severity)) + " " +
                    std::string(cotter::NameOf(finding.code)));
  }
  return lines;
}

const std::string kGood = Pins({kOne, kTwo, kThree});

TEST(Lint, FindsNothingInASoundPolicy) {
  EXPECT_THAT(Lines(std::string(kHead) + Rule("api.example.com", kGood)), ::testing::IsEmpty());
}

struct Case {
  std::string text;  // behind kHead
  std::string line;  // expected among the findings
};

TEST(Lint, FindsWhatItsRulesSay) {
  const auto api = [](const std::string& rest) { return Rule("api.example.com", rest); };
  const std::string cert =
      "{ pin = \"pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=\", kind = \"cert\" }";
  const Case cases[] = {
      // S1-44: fewer than two, fewer than three; the same pin twice does not count.
      {api(Pins({kOne})), "error single_pin"},
      {api(Pins({kOne, kOne, kOne})), "error single_pin"},
      {api(Pins({kOne, kOne, kTwo})), "warning duplicate_pin"},
      {api(Pins({kOne, kTwo})), "warning few_pins"},
      // S2-15, S3-06.
      {api(Pins({kOne, kThree})), "warning no_backup_pin"},
      // S0-09, S2-23, S3-05: the trade-off of each kind of pin is told.
      {api(Pins({cert, kTwo, kThree})), "warning cert_pin"},
      // S2-07, C1.
      {api(Pins({"{ pin = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" }", kTwo})),
       "error pin_placeholder"},
      {api(Pins({"{ pin = \"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\" }", kTwo})),
       "error pin_empty_input"},
      // S1-46, S3-19.
      {Rule("*.co.uk", kGood), "error public_suffix_wildcard"},
      {Rule("**.github.io", kGood), "error public_suffix_wildcard"},
      {Rule("*.cloudfront.net", kGood), "error public_suffix_wildcard"},
      {Rule("*.cloudflare.com", kGood), "warning third_party_host"},
      {Rule("api.stripe.com", kGood), "info third_party_host"},
      {Rule("**.example.com", kGood), "info wide_wildcard"},
      {api(Pins({kIsrg, kTwo, kThree})), "info broad_ca_pin"},
      {api(Pins({kEntrust, kTwo, kThree})), "warning ca_leaving"},
      {api("expires = 2036-01-01\n" + Pins({kIsrg, kTwo, kThree})), "info broad_ca_pin"},
      // C7.
      {api("on_expiry = \"pki\"\n" + kGood), "error pki_on_expiry"},
      {api("expires = 2026-11-20\n" + kGood), "error pins_expired"},
      // S3-50.
      {api("expires = 2027-02-17\n" + kGood), "warning expiry_soon"},
      {api("expires = 2027-01-18\n" + kGood), "error expiry_soon"},
      // S1-50.
      {api("review = 2026-11-19\n" + kGood), "warning review_overdue"},
      {api("mode = \"report\"\n" + kGood), "warning report_only"},
      {api("mode = \"off\"\n"), "warning unreachable_rule"},
      {api("expires = 2026-01-01\non_expiry = \"pki\"\n" + kGood), "warning unreachable_rule"},
      {api(kGood) + api("ports = [443]\n" + kGood), "info ports_overlap"},
      {api(kGood) + api(kGood), "error policy_duplicate"},
      {api("ports = [443, 443]\n" + kGood), "error policy_duplicate"},
      {api(Pins({})), "error policy_no_usable_pin"},
      {"[[pin_set]]\nname = \"s\"\npins = [" + std::string(kOne) + "]\n", "warning unused_pin_set"},
      // S3-04, S3-37.
      {"[[inventory]]\nhost = \"fhir.example.com\"\ntags = [\"ephi\"]\n",
       "warning inventory_unpinned"},
      {"[[inventory]]\nhost = \"pay.example.com\"\ndata_class = \"financial\"\n",
       "warning inventory_unpinned"},
      // S3-08.
      {"[[inspection_ca]]\nname = \"proxy\"\npin = "
       "\"pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=\"\n",
       "error inspection_outside_development"},
      {"# -----BEGIN PRIVATE "
       "KEY-----\n",
       "error secret_in_file"},
      {"# https://user:secret@repo.example.com/\n", "error secret_in_file"},
  };
  for (const Case& test : cases) {
    EXPECT_THAT(Lines(std::string(kHead) + test.text), Contains(test.line)) << test.text;
  }
}

TEST(Lint, WhatIsSoundIsNotFound) {
  const auto quiet = [](const std::string& text, const std::string& code) {
    for (const Finding& finding : Findings(std::string(kHead) + text)) {
      EXPECT_NE(cotter::NameOf(finding.code), code) << text;
    }
  };
  quiet(Rule("api.example.com", "expires = 2027-02-18\n" + kGood), "expiry_soon");
  quiet(Rule("api.example.com", "mode = \"off\"\n") + Rule("*.example.com", kGood),
        "unreachable_rule");
  quiet(Rule("**.example.com", kGood) +
            "[[inventory]]\nhost = \"a.example.com\"\ntags = [\"ephi\"]\n",
        "inventory_unpinned");
  quiet(Rule("*.internal", kGood), "public_suffix_wildcard");
  quiet(Rule("notgoogle.com", kGood), "third_party_host");
  quiet("# https://repo.example.com/@x:y and AKIA is a prefix\n", "secret_in_file");
  quiet(Rule("api.example.com", "require = \"leaf+ca\"\n" + Pins({kIsrg, kTwo, kThree})),
        "broad_ca_pin");
}

// C11: the lead time belongs to the key, and shrinks with its life.
TEST(LeadTimeFor, ScalesWithTheLifeOfTheKey_C11_S3_50) {
  constexpr std::int64_t kDay = 86400;
  const auto days = [](std::int64_t lifetime) {
    const LeadTime lead = LeadTimeFor(lifetime * kDay);
    return std::pair(lead.warning_days, lead.error_days);
  };
  EXPECT_EQ(days(365), std::pair(std::int64_t{90}, std::int64_t{60}));
  EXPECT_EQ(days(3650), std::pair(std::int64_t{90}, std::int64_t{60}));
  EXPECT_EQ(days(200), std::pair(std::int64_t{49}, std::int64_t{32}));
  EXPECT_EQ(days(47), std::pair(std::int64_t{11}, std::int64_t{7}));
  EXPECT_EQ(days(0), std::pair(std::int64_t{1}, std::int64_t{1}));
}

// C6: the documents disagree, so it depends on who pins.
TEST(Lint, ProfilesWeighDifferently_C6) {
  const std::string two = std::string(kHead) + Rule("api.example.com", Pins({kOne, kTwo}));
  EXPECT_THAT(Lines(two, {.profile = Profile::kInternal}), Contains("info few_pins"));
  EXPECT_THAT(Lines(two, {.profile = Profile::kStrict}), Contains("error few_pins"));
  EXPECT_THAT(Lines(two, {.profile = Profile::kHealthcare}), Contains("warning owner_missing"));
  EXPECT_THAT(Lines(two), Not(Contains("warning owner_missing")));
  const std::string no_backup = std::string(kHead) + Rule("api.example.com", Pins({kOne, kThree}));
  EXPECT_THAT(Lines(no_backup, {.profile = Profile::kMobile}), Contains("error no_backup_pin"));
  // Another program's file has no word for it.
  EXPECT_THAT(Lines(no_backup, {.profile = Profile::kMobile, .origin = Origin::kForeign}),
              Not(Contains(HasSubstr("no_backup_pin"))));
}

// S0-11: what the live servers say.
TEST(Lint, ComparesWithLiveServers_S0_11) {
  const LiveServer server{
      .host = 0,
      .target = "api.example.com:443",
      .mismatch = Error{Code::kPinMismatch, "bad ssl pin detected"},
      .served = {*ParsePin("oZb2ItbSoJl3Kamv2sgIeC345I3lhH5V7HblBOPDPUs=")},
      .leaf_lifetime = 47 * 86400,
      .ca_ends = {{*ParsePin("sha256/6wJsqVDF8K19zxfLxV5DGRneLyzso9adVdUN/exDacw="),
                   *ParseTime("2027-01-01")}}};
  const std::string text = std::string(kHead) + Rule("api.example.com", kGood);
  const std::vector<std::string> lines = Lines(text, {.live = std::span(&server, 1)});
  EXPECT_THAT(lines, Contains("error live_mismatch"));
  EXPECT_THAT(lines, Contains("error backup_served"));
  EXPECT_THAT(lines, Contains("warning ca_ends_first"));
  // 20 days are enough where certificates live 47.
  const std::string soon =
      std::string(kHead) + Rule("api.example.com", "expires = 2026-12-10\n" + kGood);
  EXPECT_THAT(Lines(soon, {.live = std::span(&server, 1)}),
              Not(Contains(HasSubstr("expiry_soon"))));
  EXPECT_THAT(Lines(soon), Contains("error expiry_soon"));
}

// S1-49, S3-40: no key crosses from one environment into another.
TEST(LintTogether, FindsPinsSharedBetweenEnvironments_S1_49_S3_40) {
  const std::string rest = Rule("api.example.com", kGood);
  const Policy production = *ReadPolicy("[policy]\nenvironment = \"production\"\n" + rest, "p");
  const Policy staging = *ReadPolicy("[policy]\nenvironment = \"staging\"\n" + rest, "s");
  const LintedPolicy both[] = {{"p", production}, {"s", staging}};
  EXPECT_EQ(LintTogether(both)[1].size(), 3U);
  EXPECT_EQ(LintTogether(both)[1][0].code, Code::kSharedBetweenEnvironments);
  const LintedPolicy same[] = {{"p", production}, {"q", production}};
  EXPECT_TRUE(LintTogether(same)[1].empty());
}

// S3-45: what the public reaches and what is inside hang on different keys.
TEST(Lint, FindsPinsSharedBetweenExposures_S3_45) {
  const auto entry = [](const std::string& host, const std::string& exposure) {
    return "[[inventory]]\nhost = \"" + host + "\"\nowner = \"a\"\nexposure = \"" + exposure +
           "\"\n";
  };
  const auto found = [](const std::string& text) {
    std::vector<std::string> rules;
    for (const Finding& finding : Findings(text)) {
      if (finding.code == Code::kSharedBetweenExposures) rules.push_back(finding.rule);
    }
    return rules;
  };
  const std::string edge = Rule("api.example.com", kGood);
  const std::string inside = Rule("**.mesh.example.com", kGood);
  const std::string split =
      entry("api.example.com", "public") + entry("db.mesh.example.com", "internal");
  EXPECT_THAT(found(std::string(kHead) + edge + inside + split),
              ElementsAre("**.mesh.example.com", "**.mesh.example.com", "**.mesh.example.com"));
  EXPECT_THAT(found(std::string(kHead) + inside + edge + split), SizeIs(3));
  // One side alone, other keys, and hosts of which nothing is known, are nothing to tell.
  EXPECT_THAT(found(std::string(kHead) + edge + inside), IsEmpty());
  EXPECT_THAT(found(std::string(kHead) + edge + inside + entry("api.example.com", "public") +
                    entry("db.mesh.example.com", "partner")),
              IsEmpty());
  EXPECT_THAT(found(std::string(kHead) + edge + Rule("db.example.com", Pins({kIsrg})) +
                    entry("api.example.com", "public") + entry("db.example.com", "vpn")),
              IsEmpty());
  // A root of the public programs is everybody's.
  EXPECT_THAT(found(std::string(kHead) + Rule("api.example.com", Pins({kIsrg})) +
                    Rule("db.example.com", Pins({kIsrg})) + entry("api.example.com", "public") +
                    entry("db.example.com", "vpn")),
              IsEmpty());
  // A wide rule over both, and a wide entry over a narrow rule.
  EXPECT_THAT(found(std::string(kHead) + Rule("**.example.com", kGood) + split),
              ElementsAre("**.example.com"));
  EXPECT_THAT(found(std::string(kHead) + edge + Rule("a.mesh.example.com", kGood) +
                    entry("api.example.com", "public") + entry("**.mesh.example.com", "internal")),
              SizeIs(3));
}

// S3-45: the same over the two files in which teams keep the two.
TEST(LintTogether, FindsPinsSharedBetweenExposures_S3_45) {
  const auto policy = [](const std::string& host, const std::string& exposure) {
    return *ReadPolicy(std::string(kHead) + Rule(host, kGood) + "[[inventory]]\nhost = \"" + host +
                           "\"\nexposure = \"" + exposure + "\"\n",
                       "p");
  };
  const Policy edge = policy("api.example.com", "public");
  const Policy inside = policy("db.example.com", "internal");
  const LintedPolicy both[] = {{"edge.toml", edge}, {"inside.toml", inside}};
  const std::vector<Finding> findings = LintTogether(both)[1];
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].code, Code::kSharedBetweenExposures);
  EXPECT_THAT(findings[0].message, HasSubstr("edge.toml"));
  const LintedPolicy same[] = {{"a.toml", edge}, {"b.toml", edge}};
  EXPECT_THAT(LintTogether(same)[1], IsEmpty());
}

TEST(Lint, NamesTheLine) {
  const std::vector<Finding> findings =
      Findings(std::string(kHead) + "\n" + Rule("api.example.com", Pins({kOne})));
  const auto single = std::ranges::find(findings, Code::kSinglePin, &Finding::code);
  ASSERT_NE(single, findings.end());
  EXPECT_EQ(single->line, 5U);
  EXPECT_EQ(single->rule, "api.example.com");
}

}  // namespace
}  // namespace cotter::policy
