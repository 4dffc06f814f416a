// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cotter/policy_index.h>

namespace cotter::policy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The example of the design, with real-looking pins.
constexpr std::string_view kExample = R"(# what we pin, and why
[policy]
name = "acme-health"
environment = "production"
version = 42
expires = 2027-06-01T00:00:00Z
unlisted = "refuse"
revoked = ["sha256/C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M="]

[[host]]
pattern = "API.example.com."
ports = [443]
mode = "enforce"
require = "leaf+ca"
local_anchors = "refuse"
expires = 2027-03-01
on_expiry = "report"
owner = "platform@example.com"
tags = ["ephi", "fhir"]
updated = 2026-11-20
reason = "certificate rotation"
review = "2027-02-01"
pins = [
  { pin = "sha256/pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=", place = "leaf", label = "2026 key" },
  { pin = "k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws=", use = "backup", kind = "cert" },
  { pin = "sha256//Vjs8r4z+80wjNcr1YKepWQboSIRi63WsWXhIMN+eWys=", place = "ca", use = "next" },
]

[[host]]
pattern = "*.bücher.example"
mode = "off"
)";

TEST(ReadPolicy, ReadsEveryKey) {
  const Result<Policy> read = ReadPolicy(kExample, "policy.toml");
  ASSERT_TRUE(read) << read.error().message;
  const Policy& policy = *read;
  EXPECT_EQ(policy.name, "acme-health");
  EXPECT_EQ(policy.environment, "production");
  EXPECT_EQ(policy.version, 42U);
  EXPECT_EQ(FormatTime(*policy.expires), "2027-06-01T00:00:00Z");
  EXPECT_EQ(policy.unlisted, Unlisted::kRefuse);
  ASSERT_EQ(policy.revoked.size(), 1U);
  ASSERT_EQ(policy.hosts.size(), 2U);
  const HostRule& rule = policy.hosts[0];
  EXPECT_EQ(rule.pattern.ToString(), "api.example.com");
  EXPECT_EQ(rule.line, 10U);
  EXPECT_EQ(rule.ports, std::vector<std::uint16_t>{443});
  EXPECT_EQ(rule.require, Require::kLeafAndCa);
  EXPECT_EQ(rule.local_anchors, LocalAnchors::kRefuse);
  EXPECT_EQ(rule.on_expiry, OnExpiry::kReport);
  EXPECT_EQ(FormatTime(*rule.expires), "2027-03-01T00:00:00Z");
  EXPECT_EQ(FormatTime(*rule.review), "2027-02-01T00:00:00Z");
  EXPECT_EQ(FormatTime(*rule.updated), "2026-11-20T00:00:00Z");
  EXPECT_EQ(rule.owner, "platform@example.com");
  EXPECT_EQ(rule.reason, "certificate rotation");
  EXPECT_THAT(rule.tags, ::testing::ElementsAre("ephi", "fhir"));
  ASSERT_EQ(rule.pins.size(), 3U);
  EXPECT_EQ(FormatPin(rule.pins[0].pin.digest),
            "sha256/pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=");
  EXPECT_EQ(rule.pins[0].pin.place, PinPlace::kLeaf);
  EXPECT_EQ(rule.pins[0].label, "2026 key");
  EXPECT_EQ(rule.pins[1].pin.use, PinUse::kBackup);
  EXPECT_EQ(rule.pins[1].pin.kind, PinKind::kCert);
  EXPECT_EQ(rule.pins[2].pin.use, PinUse::kNext);
  EXPECT_EQ(policy.hosts[1].pattern.ToString(), "*.xn--bcher-kva.example");
  EXPECT_TRUE(PolicyIndex::Build(policy));
}

// S2-04: what stands in no file is the strict thing.
TEST(ReadPolicy, DefaultsAreStrict_S2_04) {
  const Result<Policy> policy = ReadPolicy(R"([policy]
[[host]]
pattern = "a.example"
pins = [{ pin = "pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=" }]
)",
                                           "p");
  ASSERT_TRUE(policy) << policy.error().message;
  const HostRule& rule = policy->hosts[0];
  EXPECT_EQ(policy->unlisted, Unlisted::kPki);
  EXPECT_FALSE(policy->partial_chain);
  EXPECT_EQ(rule.mode, Mode::kEnforce);
  EXPECT_EQ(rule.on_expiry, OnExpiry::kEnforce);
  EXPECT_EQ(rule.require, Require::kAny);
  EXPECT_EQ(rule.pins[0].pin.kind, PinKind::kSpki);
  EXPECT_EQ(rule.pins[0].pin.place, PinPlace::kAny);
  EXPECT_EQ(rule.pins[0].pin.use, PinUse::kActive);
}

struct BadFile {
  std::string text;
  std::string begins;  // file, line, column
  std::string mentions;
  Code code;
};

TEST(ReadPolicy, ErrorsNamePlaceKeyAndRemedy) {
  const std::string host = "[policy]\n[[host]]\npattern = \"a.example\"\n";
  const BadFile cases[] = {
      // toml++ 3.3 has an assertion where this is read, which once ended the program.
      {"[;olicy]\n", "p:1:2: ", "not TOML", Code::kPolicySyntax},
      {"", "p", "expected a [policy] table", Code::kPolicyInvalid},
      {"[policy]\nname = 1\n", "p:2:8: ", "expected a string, found an integer",
       Code::kPolicyInvalid},
      {"[policy]\nverison = 1\n", "p:2:1: ", "did you mean \"version\"?", Code::kPolicyUnknownKey},
      {"[policy]\nversion = -1\n", "p:2:11: ", "expected a number from 0", Code::kPolicyInvalid},
      {"[policy]\nenvironment = \"prod\"\n", "p:2:15: ", "\"production\"", Code::kPolicyInvalid},
      {"[policy]\nexpires = 2027-06-01T00:00:00\n", "p:2:11: ", "expires", Code::kTimeInvalid},
      {"[policy]\n[[hosts]]\n", "p:2:3: ", "did you mean \"host\"?", Code::kPolicyUnknownKey},
      {"[policy]\n[host]\n", "p:2:1: ", "expected an array", Code::kPolicyInvalid},
      {"[policy]\n[[host]]\nmode = \"off\"\n", "p:2:1: ", "pattern", Code::kPolicyInvalid},
      {"[policy]\n[[host]]\npattern = \"a.*.b\"\n", "p:3:11: ", "star", Code::kPatternInvalid},
      {host + "mode = \"enforced\"\n", "p:4:8: ", "did you mean \"enforce\"?",
       Code::kPolicyInvalid},
      {host + "ports = [0]\n", "p:4:9: ", "1 to 65535", Code::kPortInvalid},
      {host + "ports = []\n", "p:4:9: ", "expected a port", Code::kPortInvalid},
      {host + "pins = [\n{ pin = \"abc\" }]\n", "p:5:9: ", "64 hex", Code::kPinWrongLength},
      {host + "pins = [{ use = \"backup\" }]\n", "p:4:9: ", "sha256/", Code::kPolicyInvalid},
      {host + "pins = [{ pin = \"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\" }]\n",
       "p:4:17: ", "empty input", Code::kPinEmptyInput},
      {host + "pins = [{ pni = \"x\" }]\n", "p:4:11: ", "\"pin\"", Code::kPolicyUnknownKey},
      // toml++ 3.3 failed an assertion on the first, and had undefined behaviour on the others.
      {"[!]\n", "p:1:", "not TOML", Code::kPolicySyntax},
      {"\xC3\xA9 = 1\n", "p:1:", "not TOML", Code::kPolicySyntax},
      {"k =\xEF\xB6\xBF", "p:1:", "not TOML", Code::kPolicySyntax},
      {"[policy]\nname = \"a\nb\"\n", "p:2:", "not TOML", Code::kPolicySyntax},
      {"[policy]\nname = \"a\"\nname = \"b\"\n", "p:3:", "not TOML", Code::kPolicySyntax},
      {"[policy]\nx" +
           [] {
             std::string dots;
             for (int i = 0; i < 100'000; ++i) dots += ".x";
             return dots;
           }() +
           " = 1\n",
       "p:2:1: ", "1000 dots", Code::kPolicySyntax},
      {"[policy]\nx = " + std::string(100'000, '[') + "\n", "p:2:", "not TOML",
       Code::kPolicySyntax},
  };
  for (const BadFile& test : cases) {
    const Result<Policy> policy = ReadPolicy(test.text, "p");
    ASSERT_FALSE(policy) << test.text.substr(0, 200);
    EXPECT_THAT(policy.error().message, StartsWith(test.begins)) << test.text.substr(0, 200);
    EXPECT_THAT(policy.error().message, HasSubstr(test.mentions));
    EXPECT_EQ(NameOf(policy.error().code), NameOf(test.code)) << policy.error().message;
  }
}

}  // namespace
}  // namespace cotter::policy
