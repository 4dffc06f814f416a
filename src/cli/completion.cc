// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/option.h"
#include <cotter/code.h>

namespace cotter::cli {
namespace {

std::vector<const Command*> ShownCommands() {
  std::vector<const Command*> shown;
  for (const Command* command : AllCommands()) {
    if (command->visibility == Visibility::kShown) shown.push_back(command);
  }
  return shown;
}

std::vector<Option> OptionsOf(const Command& command) {
  std::vector<Option> options;
  for (const OptionGroup& group : command.groups) {
    options.insert(options.end(), group.options.begin(), group.options.end());
  }
  options.push_back(kHelpOption);
  return options;
}

std::string Joined(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

// Words is the fixed words that a value can be, separated by spaces; empty where it can be
// anything.
std::string Words(std::span<const std::string_view> choices, Complete complete) {
  if (!choices.empty()) return Joined(choices);
  std::vector<std::string_view> words;
  if (complete == Complete::kCommand) {
    for (const Command* command : ShownCommands()) words.push_back(command->name);
  }
  if (complete == Complete::kCode) {
    for (const CodeInfo& info : AllCodes()) words.push_back(info.name);
  }
  return Joined(words);
}

std::string Words(const Option& option) { return Words(option.choices, option.complete); }

// Quoted is `text` in single quotes, as all three shells read them.
std::string Quoted(std::string_view text, std::string_view escaped_quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += escaped_quote;
    } else {
      out += c;
    }
  }
  return out + "'";
}

// BashReply is the statement that offers what `words` and `complete` say.
std::string BashReply(const std::string& words, Complete complete) {
  switch (complete) {
    case Complete::kFile:
      return "COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Complete::kDirectory:
      return "COMPREPLY=($(compgen -d -- \"$cur\"))";
    case Complete::kHost:
      return "COMPREPLY=($(compgen -A hostname -- \"$cur\"))";
    case Complete::kNothing:
    case Complete::kCommand:
    case Complete::kCode:
      return words.empty() ? "COMPREPLY=()"
                           : "COMPREPLY=($(compgen -W " + Quoted(words, "'\\''") + " -- \"$cur\"))";
  }
  return "COMPREPLY=()";
}

std::string BashCommand(const Command& command) {
  std::string names;
  std::string values;
  for (const Option& option : OptionsOf(command)) {
    names += (names.empty() ? "--" : " --") + std::string(option.name);
    if (option.letter != 0) names += std::string(" -") + option.letter;
    if (option.arg.empty()) continue;
    const std::string reply = BashReply(Words(option), option.complete);
    values += "        --" + std::string(option.name);
    if (option.letter != 0) values += std::string("|-") + option.letter;
    values += ") " + reply + "; return ;;\n";
  }
  std::string out = "    " + std::string(command.name) + ")\n      case \"$prev\" in\n" + values +
                    "        *) ;;\n      esac\n      if [[ $cur == -* ]]; then\n" +
                    "        COMPREPLY=($(compgen -W '" + names + "' -- \"$cur\"))\n";
  if (command.arguments.size() > 1) {
    const Argument& first = command.arguments.front();
    out += "      elif ((COMP_CWORD == 2)); then\n        " +
           BashReply(Words(first.choices, first.complete), first.complete) + "\n";
  }
  if (!command.arguments.empty()) {
    const Argument& last = command.arguments.back();
    out += "      else\n        " + BashReply(Words(last.choices, last.complete), last.complete) +
           "\n";
  }
  return out + "      fi\n      ;;\n";
}

// ZshAction is what _arguments does to complete a value.
std::string ZshAction(std::span<const std::string_view> choices, Complete complete) {
  switch (complete) {
    case Complete::kFile:
      return "_files";
    case Complete::kDirectory:
      return "_files -/";
    case Complete::kHost:
      return "_hosts";
    case Complete::kNothing:
    case Complete::kCommand:
    case Complete::kCode: {
      const std::string words = Words(choices, complete);
      return words.empty() ? " " : "(" + words + ")";
    }
  }
  return " ";
}

// ZshText keeps `text` from ending the part of a spec that it stands in.
std::string ZshText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string ZshOption(const Option& option) {
  const std::string name = "--" + std::string(option.name);
  std::string tail = "[" + ZshText(option.help) + "]";
  if (!option.arg.empty()) {
    tail += ":" + ZshText(option.arg) + ":" + ZshAction(option.choices, option.complete);
  }
  const std::string star = option.repeat == Repeat::kMany ? "*" : "";
  std::string out = " \\\n        " + Quoted(star + name + tail, "'\\''");
  if (option.letter != 0) {
    out += " \\\n        " + Quoted(star + "-" + option.letter + tail, "'\\''");
  }
  return out;
}

std::string ZshCommand(const Command& command) {
  std::string out = "    " + std::string(command.name) + ")\n      _arguments -s";
  for (const Option& option : OptionsOf(command)) out += ZshOption(option);
  for (const Argument& argument : command.arguments) {
    const bool many = argument.count == Count::kAny || argument.count == Count::kOneOrMore;
    const std::string spec = std::string(many ? "*" : "") + ":" + ZshText(argument.name) + ":" +
                             ZshAction(argument.choices, argument.complete);
    out += " \\\n        " + Quoted(spec, "'\\''");
  }
  return out + "\n      ;;\n";
}

// FishValue is what `complete` is told about a value.
std::string FishValue(const std::string& words, Complete complete) {
  switch (complete) {
    case Complete::kFile:
      return " -F";
    case Complete::kDirectory:
      return " -xa '(__fish_complete_directories)'";
    case Complete::kHost:
      return " -xa '(__fish_print_hostnames)'";
    case Complete::kNothing:
    case Complete::kCommand:
    case Complete::kCode:
      return words.empty() ? " -x" : " -xa " + Quoted(words, "\\'");
  }
  return " -x";
}

std::string FishCommand(const Command& command) {
  const std::string name(command.name);
  const std::string within = "complete -c cotter -n '__fish_seen_subcommand_from " + name + "'";
  std::string out = "\ncomplete -c cotter -n __fish_use_subcommand -f -a " + name + " -d " +
                    Quoted(command.summary, "\\'") + "\n";
  for (const Option& option : OptionsOf(command)) {
    out += within + " -l " + std::string(option.name);
    if (option.letter != 0) out += std::string(" -s ") + option.letter;
    out += " -d " + Quoted(option.help, "\\'");
    if (!option.arg.empty()) out += FishValue(Words(option), option.complete);
    out += "\n";
  }
  if (command.arguments.size() > 1) {
    const Argument& first = command.arguments.front();
    out += "complete -c cotter -n '__fish_seen_subcommand_from " + name +
           "; and test (count (commandline -opc)) -eq 2'" +
           FishValue(Words(first.choices, first.complete), first.complete) + "\n";
  }
  if (!command.arguments.empty()) {
    const Argument& last = command.arguments.back();
    out += within + FishValue(Words(last.choices, last.complete), last.complete) + "\n";
  } else {
    out += within + " -f\n";
  }
  return out;
}

constexpr std::string_view kMadeBy =
    "# SPDX-License-Identifier: Apache-2.0\n# Made by 'cotter generate completion'.\n";

}  // namespace

std::string RenderBashCompletion() {
  std::string names;
  std::string cases;
  for (const Command* command : ShownCommands()) {
    names += (names.empty() ? "" : " ") + std::string(command->name);
    cases += BashCommand(*command);
  }
  return std::string(kMadeBy) +
         "_cotter() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  if ((COMP_CWORD == 1)); then\n    COMPREPLY=($(compgen -W '" +
         names +
         " --help --version' -- \"$cur\"))\n    return\n  fi\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases + "    *) COMPREPLY=() ;;\n  esac\n}\ncomplete -o filenames -F _cotter cotter\n";
}

std::string RenderZshCompletion() {
  std::string commands;
  std::string cases;
  for (const Command* command : ShownCommands()) {
    commands += "    " +
                Quoted(std::string(command->name) + ":" + ZshText(command->summary), "'\\''") +
                "\n";
    cases += ZshCommand(*command);
  }
  return "#compdef cotter\n" + std::string(kMadeBy) + "_cotter() {\n  local -a commands=(\n" +
         commands +
         "  )\n  if ((CURRENT == 2)); then\n    _describe command commands\n    return\n  fi\n"
         "  local command=$words[2]\n  shift words\n  ((CURRENT--))\n  case $command in\n" +
         cases + "  esac\n}\n_cotter \"$@\"\n";
}

std::string RenderFishCompletion() {
  std::string out(kMadeBy);
  for (const Command* command : ShownCommands()) out += FishCommand(*command);
  return out;
}

}  // namespace cotter::cli
