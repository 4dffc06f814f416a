// SPDX-License-Identifier: Apache-2.0
//
// Properties of the whole command table, and of the command lines that help and documents show.
#include "cli/commands.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/connect_options.h"
#include "cli/exit.h"
#include "cli/parse.h"

namespace cotter::cli {
namespace {

// WordsOf splits a shown command line as a shell would, up to a pipe or redirection. Only what the
// documents use is known: spaces, single and double quotes.
std::vector<std::string> WordsOf(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  for (const char c : line + " ") {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '|' || c == '<' || c == '>' || c == ';') {
      break;
    } else if (c == ' ') {
      if (!word.empty()) words.push_back(word);
      word.clear();
    } else {
      word += c;
    }
  }
  return words;
}

// Problem is what is wrong with a shown command line; empty if nothing is.
std::string Problem(const std::string& line) {
  const std::vector<std::string> words = WordsOf(line);
  if (words.size() < 2 || words[0] != "cotter") return "not a command";
  const Command* command = FindCommand(words[1]);
  if (command == nullptr) return "no such command";
  std::vector<const char*> rest;
  for (std::size_t i = 2; i < words.size(); ++i) rest.push_back(words[i].c_str());
  const Parsed parsed = ParseArguments(*command, rest);
  if (parsed.error) return parsed.error->message;
  // `get` has options of the same names that are the HTTP client's own.
  const bool connects = std::any_of(
      command->groups.begin(), command->groups.end(),
      [](const OptionGroup& group) { return group.options.data() == std::data(kConnectOptions); });
  if (!connects) return {};
  const Result<ConnectionOptions> options = ParseConnectionOptions(*parsed.arguments);
  return options ? "" : options.error().message;
}

TEST(Commands, AreSortedAndNamedOnce) {
  std::vector<std::string_view> names;
  for (const Command* command : AllCommands()) names.push_back(command->name);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::set<std::string_view>(names.begin(), names.end()).size(), names.size());
}

TEST(Commands, SayWhatTheyDoWithExamplesAndExitCodes) {
  for (const Command* command : AllCommands()) {
    SCOPED_TRACE(command->name);
    EXPECT_FALSE(command->summary.empty());
    EXPECT_FALSE(command->summary.ends_with('.'));
    EXPECT_FALSE(command->description.empty());
    EXPECT_FALSE(command->examples.empty());
    ASSERT_FALSE(command->exits.empty());
    EXPECT_EQ(command->exits.front().code, Exit::kSatisfied);
  }
}

TEST(Commands, ExamplesParse) {
  for (const Command* command : AllCommands()) {
    for (const Example& example : command->examples) {
      EXPECT_EQ(Problem(std::string(example.line)), "") << example.line;
    }
  }
}

TEST(Commands, OptionsAreUniqueAndDescribed) {
  for (const Command* command : AllCommands()) {
    std::set<std::string_view> names;
    std::set<char> letters{kHelpOption.letter};
    for (const OptionGroup& group : command->groups) {
      for (const Option& option : group.options) {
        SCOPED_TRACE(option.name);
        EXPECT_TRUE(names.insert(option.name).second);
        EXPECT_TRUE(option.letter == 0 || letters.insert(option.letter).second);
        EXPECT_FALSE(option.help.empty());
        EXPECT_FALSE(option.help.ends_with('.'));
      }
    }
  }
}

TEST(Commands, LinesInTheCodePagesParse) {
  std::size_t lines = 0;
  const auto folder = std::filesystem::path(COTTER_SOURCE_DIR) / "docs/codes";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream page(entry.path());
    for (std::string line; std::getline(page, line);) {
      if (!line.starts_with("    cotter ")) continue;
      ++lines;
      EXPECT_EQ(Problem(line), "") << entry.path().filename() << ": " << line;
    }
  }
  EXPECT_GT(lines, 20U);
}

TEST(Exits, StrongestReasonToActIsSeen) {
  const Exit order[] = {Exit::kUsage, Exit::kViolated, Exit::kUndecided, Exit::kSatisfied};
  for (std::size_t strong = 0; strong < 4; ++strong) {
    for (std::size_t weak = strong; weak < 4; ++weak) {
      EXPECT_EQ(MergeExits(order[strong], order[weak]), order[strong]);
      EXPECT_EQ(MergeExits(order[weak], order[strong]), order[strong]);
    }
  }
}

}  // namespace
}  // namespace cotter::cli
