// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/change_window.h"
#include "policy/policy_file.h"
#include <cotter/policy_index.h>

namespace cotter::policy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Every key with a value that is not its default.
constexpr std::string_view kEverything = R"([policy]
name = "a\u00e4\u0001\"\\"
environment = "development"
version = 9223372036854775807
expires = 2027-06-01T02:00:00+02:00
unlisted = "refuse"
partial_chain = true
revoked = ["sha256/C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M="]
change_windows = ["Sat 22:00-02:00"]
revision = 3
[[pin_set]]
name = "roots"
pins = [{ pin = "sha256//Vjs8r4z+80wjNcr1YKepWQboSIRi63WsWXhIMN+eWys=", place = "ca" }]
[[pin_set]]
name = "all"
extends = ["roots"]
[[inspection_ca]]
name = "proxy"
pin = "pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU="
[[inventory]]
host = "**.example.com"
owner = "o"
data_class = "health"
tags = ["ephi"]
partner = "p"
exposure = "vpn"
review = 2027-01-01
[[delegate]]
name = "team"
target = "production/team.json"
hosts = ["**.team.example.com"]
[[emergency]]
id = "e1"
kind = "add_pin"
rules = [{ pattern = "*.bücher.example", port = 443 }]
pin = "sha256/C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M="
place = "leaf"
until = 2026-12-01T12:00:00Z
reason = "r"
ticket = "T-1"
[[host]]
pattern = "*.bücher.example"
ports = [8443, 443]
mode = "report"
require = "leaf+ca"
local_anchors = "refuse"
expires = 2027-03-01
on_expiry = "pki"
extends = ["all"]
pins = [{ pin = "k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws=", kind = "cert", place = "leaf", use = "next", label = "l" }]
owner = "o"
tags = ["a", "b"]
updated = 2026-11-20
reason = "r"
review = 2027-02-01
history = [{ date = 2026-11-20, reason = "r", by = "b" }]
change_windows = ["Tue 06:00-08:00"]
)";

TEST(PolicyJson, HoldsEveryKeyThatTomlHas) {
  const Result<Policy> toml = ReadPolicy(kEverything, "p.toml");
  ASSERT_TRUE(toml) << toml.error().message;
  const std::string json = WritePolicyJson(*toml);
  for (const PolicyKey& key : PolicyKeys()) {
    EXPECT_THAT(json, HasSubstr("\"" + key.key + "\":"));
  }
  const Result<Policy> back = ReadPolicy(json, "p.json");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(WritePolicyJson(*back), json);
  EXPECT_EQ(back->name, toml->name);
  EXPECT_EQ(back->hosts[0].pins, toml->hosts[0].pins);
  EXPECT_EQ(back->hosts[0].pins.size(), 2U);  // with that of the set of the set
  EXPECT_EQ(back->hosts[0].change_windows, toml->hosts[0].change_windows);
  EXPECT_EQ(PolicyDigest(*back), PolicyDigest(*toml));
}

struct BadJson {
  std::string text;
  std::string begins;
  std::string mentions;
  Code code;
};

TEST(PolicyJson, RefusesWhatOtherReadersLetPass) {
  const std::string deep(100'000, '[');
  const BadJson cases[] = {
      {"{\"policy\":{\"name\":\"a\",\n\"name\":\"b\"}}", "p:2:1: ", "twice", Code::kPolicySyntax},
      {"{\"policy\":" + deep, "p:1:", "deep", Code::kPolicySyntax},
      {"{\"policy\":{\"name\":\"\xC3\"}}", "p:1:", "not JSON", Code::kPolicySyntax},
      {"{\"policy\":{}} x", "p:1:15: ", "not JSON", Code::kPolicySyntax},
      {"{\"policy\":{}", "p:1:", "not JSON", Code::kPolicySyntax},
      {"{\"policy\":{},}", "p:1:", "not JSON", Code::kPolicySyntax},
      {"{\"policy\":{\n  \"nmae\":1}}", "p:2:3: ", "did you mean \"name\"?",
       Code::kPolicyUnknownKey},
      {"{\"policy\":{\"name\": null}}", "p:1:20: ", "found null", Code::kPolicyInvalid},
      {"{\"policy\":{\"version\": 1.5}}", "p:1:23: ", "found a float", Code::kPolicyInvalid},
      {"{\"policy\":{\"version\": 18446744073709551615}}", "p:1:23: ", "integer",
       Code::kPolicyInvalid},
      {"{\"policy\":{},\"host\":[{\"pattern\":\"a.example\",\"ports\":[443],\n\"pins\":[{\"pin\":"
       "\"x\\\"y\"}]}]}",
       "p:2:16: ", "sha256/", Code::kPinMalformed},
      {"{}", "p:1:1: ", "[policy]", Code::kPolicyInvalid},
      {"{\"policy\":{}}" + std::string(kMaxPolicyJsonSize, ' '), "p: ", "8388608",
       Code::kPolicyTooLarge},
  };
  for (const BadJson& test : cases) {
    const Result<Policy> policy = ReadPolicy(test.text, "p");
    ASSERT_FALSE(policy) << test.text.substr(0, 200);
    EXPECT_THAT(policy.error().message, StartsWith(test.begins)) << test.text.substr(0, 200);
    EXPECT_THAT(policy.error().message, HasSubstr(test.mentions));
    EXPECT_EQ(NameOf(policy.error().code), NameOf(test.code)) << policy.error().message;
  }
}

// S1-49, S3-40: a client of one environment refuses the policy of another, and one without.
// S2-26: the document itself says which channel it is for, debug or release.
TEST(RequireEnvironment, RefusesAnother_S1_49_S3_40) {
  Policy policy;
  for (const std::string_view environment : {"", "development", "staging"}) {
    policy.environment = environment;
    const Result<void> fits = RequireEnvironment(policy, "production");
    ASSERT_FALSE(fits);
    EXPECT_EQ(fits.error().code, Code::kWrongEnvironment);
  }
  policy.environment = "production";
  EXPECT_TRUE(RequireEnvironment(policy, "production"));
}

TEST(ReadPolicyLeniently, TellsEveryErrorAndKeepsTheRest) {
  const Result<LenientPolicy> read = ReadPolicyLeniently(R"([policy]
nmae = "x"
[[host]]
pattern = "a.example"
pins = [
  { pin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
  { pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
  { pin = "k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws=" },
]
[[host]]
pattern = "*.*"
)",
                                                         "p");
  ASSERT_TRUE(read);
  std::vector<std::pair<Code, std::uint32_t>> found;
  for (const ReadIssue& issue : read->issues) found.emplace_back(issue.code, issue.at.line);
  EXPECT_THAT(found, ::testing::ElementsAre(std::pair(Code::kPolicyUnknownKey, 2U),
                                            std::pair(Code::kPinPlaceholder, 6U),
                                            std::pair(Code::kPinEmptyInput, 7U),
                                            std::pair(Code::kPatternInvalid, 11U)));
  ASSERT_EQ(read->policy.hosts.size(), 1U);
  EXPECT_EQ(read->policy.hosts[0].pins.size(), 1U);
}

TEST(ChangeWindow, ReadsDayAndTimesAndGoesOverMidnight) {
  for (const std::string_view bad :
       {"", "Tue", "tue 06:00-08:00", "Tue 6:00-8:00", "Tue 24:00-25:00", "Tue 06:00-06:00",
        "Tue 06:00-08:00 ", "Tue 06:60-08:00", "Xxx 06:00-08:00"}) {
    EXPECT_FALSE(ParseChangeWindow(bad)) << bad;
  }
  const ChangeWindow window = *ParseChangeWindow("Sat 22:00-02:00");
  EXPECT_EQ(FormatChangeWindow(window), "Sat 22:00-02:00");
  const auto inside = [&](std::string_view time) {
    return IsInWindow(std::span(&window, 1), *ParseTime(time));
  };
  // 2026-11-21 was a Saturday (date -d 2026-11-21 +%a).
  EXPECT_FALSE(inside("2026-11-21T21:59:59Z"));
  EXPECT_TRUE(inside("2026-11-21T22:00:00Z"));
  EXPECT_TRUE(inside("2026-11-22T01:59:59Z"));
  EXPECT_FALSE(inside("2026-11-22T02:00:00Z"));
  EXPECT_FALSE(inside("2026-11-20T23:00:00Z"));
  EXPECT_TRUE(inside("1969-12-27T23:00:00Z"));  // a Saturday too
  EXPECT_TRUE(IsInWindow({}, Time{}));
}

}  // namespace
}  // namespace cotter::policy
