// SPDX-License-Identifier: Apache-2.0
//
// A compiled policy with everything that one may have, and each of its bytes damaged in turn: it is
// refused, or says what it said, or says no. An image that says yes where it said no before would
// be a way around every pin.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tests/core/fake_paths.h"
#include <cotter/evaluate.h>

namespace cotter {
namespace {

using testing::KeyDigest;
using testing::PathOf;

constexpr Time kBefore{1'000};
constexpr Time kEnd{2'000};
constexpr Time kAfter{3'000};

HostRule Rule(std::string_view pattern, unsigned key) {
  HostRule rule{.pattern = *HostPattern::Parse(pattern)};
  rule.pins = {{.pin = {.digest = KeyDigest(key)}, .label = ""},
               {.pin = {.digest = KeyDigest(key + 1), .use = PinUse::kBackup}, .label = ""}};
  return rule;
}

PolicyIndex Whole() {
  Policy policy;
  policy.name = "damage";
  policy.environment = "development";
  policy.version = 7;
  policy.unlisted = Unlisted::kRefuse;
  policy.revoked = {KeyDigest(90), KeyDigest(91), KeyDigest(92)};
  policy.inspection_cas = {{.name = "proxy", .spki = KeyDigest(80)}};
  policy.hosts = {Rule("api.example.com", 1),    Rule("*.example.com", 3),
                  Rule("**.example.net", 5),     Rule("192.0.2.1", 7),
                  Rule("ends.example.org", 9),   Rule("off.example.org", 11),
                  Rule("ports.example.org", 13), Rule("both.example.org", 15),
                  Rule("local.example.org", 17), Rule("told.example.org", 19)};
  policy.hosts[4].expires = kEnd;
  policy.hosts[4].on_expiry = OnExpiry::kPki;
  policy.hosts[5].mode = Mode::kOff;
  policy.hosts[6].ports = {443, 8443};
  policy.hosts[7].require = Require::kLeafAndCa;
  policy.hosts[8].local_anchors = LocalAnchors::kRefuse;
  policy.hosts[9].mode = Mode::kReport;
  const auto name = [](const char* pattern) { return RuleName{*HostPattern::Parse(pattern)}; };
  policy.emergency = {
      {.kind = EmergencyKind::kSuspend,
       .id = "S1",
       .rules = {name("*.example.com")},
       .until = kEnd},
      {.kind = EmergencyKind::kAddPin,
       .id = "A1",
       .rules = {name("api.example.com")},
       .pin = {.digest = KeyDigest(60)},
       .until = kEnd},
  };
  Result<PolicyIndex> index = PolicyIndex::Build(policy);
  EXPECT_TRUE(index) << index.error().message;
  return *std::move(index);
}

// Answers is whether each of many connections is allowed.
std::vector<bool> Answers(const PolicyIndex& index) {
  static const std::vector<VerifiedPath> paths = [] {
    std::vector<VerifiedPath> made;
    for (unsigned key = 1; key <= 20; ++key) made.push_back(PathOf({key, 100}));
    made.push_back(PathOf({15, 16}));
    made.push_back(PathOf({60, 100}));
    made.push_back(PathOf({100, 101}));
    made.push_back(PathOf({1, 91}));
    made.push_back(PathOf({100, 80}, AnchorOrigin::kLocal));
    made.push_back(PathOf({17, 100}, AnchorOrigin::kLocal));
    return made;
  }();
  std::vector<bool> answers;
  for (const char* host :
       {"api.example.com", "www.example.com", "a.b.example.net", "192.0.2.1", "ends.example.org",
        "off.example.org", "ports.example.org", "both.example.org", "local.example.org",
        "told.example.org", "other.test"}) {
    for (const std::uint16_t port : std::array<std::uint16_t, 3>{443, 8443, 25}) {
      const Endpoint endpoint{*HostName::Parse(host), port};
      for (const VerifiedPath& path : paths) {
        for (const Time now : {kBefore, kAfter}) {
          answers.push_back(
              Evaluate(index, endpoint, {&path, 1}, SearchEnd::kComplete, now).allowed());
        }
      }
    }
  }
  return answers;
}

TEST(PolicyDamage, NoChangedByteLoosensAnAnswer) {
  const PolicyIndex whole = Whole();
  const std::vector<bool> sound = Answers(whole);
  ASSERT_NE(std::ranges::count(sound, true), 0);
  ASSERT_NE(std::ranges::count(sound, false), 0);
  const Bytes image(whole.image().begin(), whole.image().end());
  for (std::size_t at = 0; at < image.size(); ++at) {
    for (const std::uint8_t change : std::array<std::uint8_t, 2>{0x01, 0xFF}) {
      Bytes changed = image;
      changed[at] ^= change;
      const Result<PolicyIndex> opened = PolicyIndex::Open(changed, nullptr);
      if (!opened) continue;
      const std::vector<bool> answers = Answers(*opened);
      for (std::size_t i = 0; i < sound.size(); ++i) {
        ASSERT_FALSE(answers[i] && !sound[i]) << "byte " << at << ", connection " << i;
      }
    }
  }
}

}  // namespace
}  // namespace cotter
