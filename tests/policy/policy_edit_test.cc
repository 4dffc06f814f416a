// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cotter::policy {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kOne = "sha256/pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=";
constexpr std::string_view kTwo = "sha256/k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws=";
constexpr std::string_view kNew = "sha256/Vjs8r4z+80wjNcr1YKepWQboSIRi63WsWXhIMN+eWys=";

std::string Pin(std::string_view pin) { return "{ pin = \"" + std::string(pin) + "\" }"; }

const std::string kHead = "# kept: \xC3\xA4\n[policy]\nname = \"\xC3\xA4\"  # kept too\n\n";
const std::string kHost = "[[host]]\npattern = \"A.example\" # \xF0\x9F\x94\x91\n";

HostPattern Host(std::string_view text = "a.example") { return *HostPattern::Parse(text); }

PolicyPin NewPin() { return {.pin = {.digest = *ParsePin(kNew), .use = PinUse::kBackup}}; }

std::string Added(const std::string& text) {
  const Result<std::string> out = AddPin(text, "p", Host(), NewPin(), {});
  return out ? *out : "error: " + out.error().message;
}

const std::string kNewText = "{ pin = \"" + std::string(kNew) + "\", use = \"backup\" }";

struct Layout {
  std::string before;
  std::string after;
};

// S0-20: the pin is added, and every other byte of the file stays.
TEST(AddPin, KeepsCommentsAndOrder_S0_20) {
  const Layout layouts[] = {
      {"pins = [" + Pin(kOne) + "] # end", "pins = [" + Pin(kOne) + ", " + kNewText + "] # end"},
      {"pins = [ " + Pin(kOne) + ", ]", "pins = [ " + Pin(kOne) + ", " + kNewText + " ]"},
      {"pins = [\n    " + Pin(kOne) + ", # a, ] b\n  # last\n]",
       "pins = [\n    " + Pin(kOne) + ", # a, ] b\n  # last\n    " + kNewText + ",\n]"},
      {"pins = [\n\t" + Pin(kOne) + " # no comma\n]",
       "pins = [\n\t" + Pin(kOne) + ", # no comma\n\t" + kNewText + ",\n]"},
      {"pins = [\n  " + Pin(kOne) + ", " + Pin(kTwo) + "\n]",
       "pins = [\n  " + Pin(kOne) + ", " + Pin(kTwo) + ", " + kNewText + "\n]"},
      {"mode = \"off\"\npins = []", "mode = \"off\"\npins = [\n  " + kNewText + ",\n]"},
  };
  for (const Layout& layout : layouts) {
    const std::string tail = "\n\n[[host]]\npattern = \"b.example\"\nmode = \"off\"\n# the end";
    EXPECT_EQ(Added(kHead + kHost + layout.before + tail), kHead + kHost + layout.after + tail);
  }
}

TEST(AddPin, MakesARuleWhereThereIsNone) {
  const std::string rule =
      "\n[[host]]\npattern = \"a.example\"\npins = [\n  " + kNewText + ",\n]\n";
  EXPECT_EQ(Added(kHead), kHead + rule);
  EXPECT_EQ(Added("[policy]"), "[policy]\n" + rule);
}

TEST(AddPin, AddsToARuleThatOnlyExtends) {
  const std::string set = "[[pin_set]]\nname = \"s\"\npins = [" + Pin(kOne) + "]\n";
  EXPECT_EQ(Added(kHead + set + kHost + "extends = [\"s\"]\n"),
            kHead + set + kHost + "pins = [\n  " + kNewText + ",\n]\nextends = [\"s\"]\n");
}

TEST(AddPin, RefusesWhatItCannotDoInPlace) {
  EXPECT_THAT(Added(kHead + kHost + "pins = [" + Pin(kNew) + "]\n"), HasSubstr("already"));
  EXPECT_THAT(Added(kHead + kHost + "[[host.pins]]\npin = \"" + std::string(kOne) + "\"\n"),
              HasSubstr("[[host.pins]]"));
  EXPECT_THAT(Added(kHead + kHost + "ports = [1]\npins = [" + Pin(kOne) + "]\n" + kHost +
                    "ports = [2]\npins = [" + Pin(kOne) + "]\n"),
              HasSubstr("by hand"));
  EXPECT_THAT(Added(kHead + "nonsense"), HasSubstr("not TOML"));
}

// S1-50: the reason is written down, and the older ones stay.
TEST(AddPin, WritesDownWhy_S1_50) {
  const std::string text = kHead + kHost + "pins = [" + Pin(kOne) +
                           "]\nupdated = 2025-01-01 # then\nreason = 'old'\nhistory = [\n  { date "
                           "= 2025-01-01, reason = \"old\" },\n]\n";
  const EditNote note{*ParseTime("2026-11-20T12:00:00Z"), "lost \"key\"", "ops"};
  const Result<std::string> out = AddPin(text, "p", Host(), NewPin(), note);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(*out, kHead + kHost + "pins = [" + Pin(kOne) + ", " + kNewText +
                      "]\nupdated = 2026-11-20 # then\nreason = \"lost \\\"key\\\"\"\nhistory = [\n"
                      "  { date = 2025-01-01, reason = \"old\" },\n  { date = 2026-11-20, reason = "
                      "\"lost \\\"key\\\"\", by = \"ops\" },\n]\n");
}

TEST(RemovePin, TakesOnlyThatPin) {
  const Layout layouts[] = {
      {"pins = [\n  " + Pin(kOne) + ", # one\n  " + Pin(kTwo) + " # two\n]",
       "pins = [\n  " + Pin(kOne) + ", # one\n]"},
      {"pins = [" + Pin(kTwo) + ", " + Pin(kOne) + "]", "pins = [" + Pin(kOne) + "]"},
      {"pins = [" + Pin(kOne) + ", " + Pin(kTwo) + "]", "pins = [" + Pin(kOne) + "]"},
  };
  for (const Layout& layout : layouts) {
    const Result<std::string> out =
        RemovePin(kHead + kHost + layout.before, "p", Host(), *ParsePin(kTwo), {});
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(*out, kHead + kHost + layout.after);
  }
  const Result<std::string> last =
      RemovePin(kHead + kHost + layouts[2].after, "p", Host(), *ParsePin(kOne), {});
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Code::kPolicyNoUsablePin);
}

TEST(ReplacePin, ChangesTheDigestAlone) {
  const std::string before = kHead + kHost + "pins = [{ label = \"x\", pin = '" +
                             std::string(kOne).substr(7) + "', place = \"leaf\" }, " + Pin(kTwo) +
                             "]\n";
  const Result<std::string> out =
      ReplacePin(before, "p", Host(), *ParsePin(kOne), *ParsePin(kNew), {});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(*out, kHead + kHost + "pins = [{ label = \"x\", pin = \"" + std::string(kNew) +
                      "\", place = \"leaf\" }, " + Pin(kTwo) + "]\n");
}

}  // namespace
}  // namespace cotter::policy
