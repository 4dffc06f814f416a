// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/wrap.h"

namespace cotter::cli {
namespace {

// Options whose left side is longer get their text on a line of its own.
constexpr std::size_t kMaxLeft = 34;

using Row = std::pair<std::string, std::string>;

// AppendRows appends two aligned columns.
void AppendRows(std::string& out, const std::vector<Row>& rows) {
  std::size_t left = 0;
  for (const auto& [name, text] : rows) {
    if (name.size() <= kMaxLeft) left = std::max(left, name.size());
  }
  const std::size_t indent = 2 + left + 2;
  for (const auto& [name, text] : rows) {
    out += "  " + name;
    if (name.size() > left) {
      out += '\n';
      out.append(indent, ' ');
    } else {
      out.append(left - name.size() + 2, ' ');
    }
    AppendWrapped(out, text, indent, indent);
  }
}

// AppendParagraphs appends wrapped paragraphs, each after an empty line.
void AppendParagraphs(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    out += '\n';
    AppendWrapped(out, text.substr(0, end), 0, 0);
    text.remove_prefix(std::min(end + 2, text.size()));
  }
}

// OptionRow lines long names up whether or not there is a letter.
Row OptionRow(const Option& option) {
  return {(option.letter == 0 ? "    " : "") + RenderOption(option), DescribeOption(option)};
}

std::string ListChoices(std::span<const std::string_view> choices) {
  std::string text;
  for (const std::string_view choice : choices) {
    text.append(text.empty() ? ": " : ", ").append(choice);
  }
  return text;
}

void AppendOptions(std::string& out, const Command& command) {
  bool help_shown = false;
  for (const OptionGroup& group : command.groups) {
    out += "\n" + std::string(group.title) + ":\n";
    std::vector<Row> rows;
    for (const Option& option : group.options) rows.push_back(OptionRow(option));
    if (!std::exchange(help_shown, true)) rows.push_back(OptionRow(kHelpOption));
    AppendRows(out, rows);
  }
  if (!help_shown) {
    out += "\nOptions:\n";
    AppendRows(out, {OptionRow(kHelpOption)});
  }
}

}  // namespace

std::string RenderArgument(const Argument& argument) {
  std::string name(argument.name);
  switch (argument.count) {
    case Count::kOne:
      return name;
    case Count::kOptional:
      return "[" + name + "]";
    case Count::kOneOrMore:
      return name + "...";
    case Count::kAny:
      return "[" + name + "...]";
  }
  return name;
}

std::string RenderOption(const Option& option) {
  std::string text;
  if (option.letter != 0) text += {'-', option.letter, ',', ' '};
  text += "--" + std::string(option.name);
  if (!option.arg.empty()) text += " " + std::string(option.arg);
  return text;
}

std::string DescribeArgument(const Argument& argument) {
  return std::string(argument.help) + ListChoices(argument.choices);
}

std::string DescribeOption(const Option& option) {
  std::string text = std::string(option.help) + ListChoices(option.choices);
  if (option.repeat == Repeat::kMany) text += " (may be given several times)";
  return text;
}

std::string RenderUsage(const Command& command) {
  std::string usage = "cotter " + std::string(command.name) + " [OPTION...]";
  for (const Argument& argument : command.arguments) usage += " " + RenderArgument(argument);
  return usage;
}

std::string RenderOverview() {
  std::string out =
      "cotter - make, check and ship TLS certificate pins\n\n"
      "Usage: cotter COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n";
  std::vector<Row> rows;
  for (const Command* command : AllCommands()) {
    if (command->visibility == Visibility::kShown) {
      rows.emplace_back(command->name, command->summary);
    }
  }
  AppendRows(out, rows);
  out +=
      "\n'cotter help COMMAND' tells more, with examples.\n"
      "'cotter explain CODE' tells what to do about an error.\n"
      "'cotter help generate' tells how man pages and shell completions are made.\n";
  return out;
}

std::string RenderHelp(const Command& command) {
  std::string out;
  AppendWrapped(out, "cotter " + std::string(command.name) + " - " + std::string(command.summary),
                2, 0);
  out += "\nUsage: " + RenderUsage(command) + "\n";
  AppendParagraphs(out, command.description);
  if (!command.arguments.empty()) {
    out += "\nArguments:\n";
    std::vector<Row> rows;
    for (const Argument& argument : command.arguments) {
      rows.emplace_back(RenderArgument(argument), DescribeArgument(argument));
    }
    AppendRows(out, rows);
  }
  if (!command.actions.empty()) {
    out += "\nActions:\n";
    std::vector<Row> rows;
    for (const Action& action : command.actions) rows.emplace_back(action.line, action.help);
    AppendRows(out, rows);
  }
  AppendOptions(out, command);
  out += "\nExit codes:\n";
  std::vector<Row> exits;
  for (const ExitNote& note : command.exits) {
    exits.emplace_back(std::to_string(static_cast<int>(note.code)), note.meaning);
  }
  AppendRows(out, exits);
  out += "\nExamples:\n";
  for (const Example& example : command.examples) {
    out += "  " + std::string(example.line) + "\n      ";
    AppendWrapped(out, example.help, 6, 6);
  }
  return out;
}

}  // namespace cotter::cli
