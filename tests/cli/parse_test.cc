// SPDX-License-Identifier: Apache-2.0
#include "cli/parse.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cotter::cli {
namespace {

constexpr std::string_view kColours[] = {"red", "green"};
constexpr Option kOptions[] = {
    {.name = "file", .letter = 'f', .arg = "FILE", .help = ""},
    {.name = "add", .arg = "X", .help = "", .repeat = Repeat::kMany},
    {.name = "quiet", .letter = 'q', .help = ""},
    {.name = "colour", .arg = "C", .help = "", .choices = kColours},
};
constexpr OptionGroup kGroups[] = {{"Options", kOptions}};
constexpr Argument kArguments[] = {{.name = "ONE", .help = ""},
                                   {.name = "MORE", .help = "", .count = Count::kAny}};
const Command kSample{.name = "sample",
                      .summary = "",
                      .description = "",
                      .arguments = kArguments,
                      .groups = kGroups,
                      .examples = {},
                      .exits = {},
                      .run = nullptr};

Parsed Parse(std::vector<const char*> words) { return ParseArguments(kSample, words); }

std::vector<std::string> Positionals(const Parsed& parsed) {
  const auto words = parsed.arguments.value().positionals();
  return {words.begin(), words.end()};
}

using Words = std::vector<std::string>;

TEST(Parse, OptionsAndArgumentsMix) {
  const Parsed parsed = Parse({"a", "-q", "b", "--file", "x", "c"});
  EXPECT_EQ(Positionals(parsed), (Words{"a", "b", "c"}));
  EXPECT_TRUE(parsed.arguments->Has("quiet"));
  EXPECT_EQ(parsed.arguments->Value("file"), "x");
  EXPECT_FALSE(parsed.arguments->Value("colour").has_value());
}

TEST(Parse, EveryWayToGiveAValueIsTheSame) {
  for (const std::vector<const char*>& words : {std::vector<const char*>{"a", "--file", "-x"},
                                                {"a", "--file=-x"},
                                                {"a", "-f", "-x"},
                                                {"a", "-f-x"},
                                                {"a", "-qf-x"}}) {
    const Parsed parsed = Parse(words);
    ASSERT_FALSE(parsed.error) << parsed.error->message;
    EXPECT_EQ(parsed.arguments->Value("file"), "-x");
  }
}

TEST(Parse, DoubleDashEndsTheOptionsAndADashIsAnArgument) {
  EXPECT_EQ(Positionals(Parse({"-", "--", "-q", "--", "--file"})),
            (Words{"-", "-q", "--", "--file"}));
}

TEST(Parse, BracketsAndCommasInValuesStay) {
  EXPECT_EQ(Positionals(Parse({"[::1]", "[a,b]"})), (Words{"[::1]", "[a,b]"}));
  EXPECT_EQ(Parse({"a", "--file", "[a,b]"}).arguments->Value("file"), "[a,b]");
}

TEST(Parse, RepeatableOptionsKeepTheirOrder) {
  const Parsed parsed = Parse({"a", "--add", "1", "--add=2", "--add", "1"});
  EXPECT_EQ(parsed.arguments->Values("add"), (std::vector<std::string_view>{"1", "2", "1"}));
}

TEST(Parse, RefusesWhatItDoesNotUnderstand) {
  for (const std::vector<const char*>& words : {std::vector<const char*>{},
                                                {"a", "--fil", "x"},
                                                {"a", "--file"},
                                                {"a", "-f"},
                                                {"a", "--file="},
                                                {"a", "--file", ""},
                                                {"a", "--file", "--quiet"},
                                                {"a", "--quiet=1"},
                                                {"a", "-qz"},
                                                {"a", "--file=1", "--file=2"},
                                                {"a", "--colour", "blue"},
                                                {"a", "--=x"},
                                                {"a", "---quiet"}}) {
    const Parsed parsed = Parse(words);
    EXPECT_TRUE(parsed.error.has_value()) << (words.empty() ? "" : words.back());
    EXPECT_FALSE(parsed.arguments.has_value());
  }
}

TEST(Parse, HelpNeedsNoArguments) { EXPECT_TRUE(Parse({"-h"}).arguments->Has("help")); }

TEST(ParseDeathTest, AskingForAnUndeclaredOptionIsABug) {
  const Parsed parsed = Parse({"a"});
  EXPECT_DEATH((void)parsed.arguments->Has("undeclared"), "");
}

}  // namespace
}  // namespace cotter::cli
