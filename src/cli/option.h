// SPDX-License-Identifier: Apache-2.0
//
// The table that every command is declared in. Help, man pages, shell completions and the parser
// all read it, so an option is described once. Everything here is constant data with static
// storage, shared freely between threads.
//
// A command is one file, src/cli/commands/NAME.cc, that defines `extern const Command
// kNameCommand`; the build finds it by its file name.
#pragma once

#include <span>
#include <string_view>

#include "cli/exit.h"

namespace cotter::cli {

class Arguments;
class Output;

// What a shell should offer in the place of a value.
enum class Complete {
  kNothing,
  kFile,
  kDirectory,
  kHost,
  kCommand,  // the name of a cotter command
  kCode,     // the name of a code, as `cotter explain` takes it
};

// How often an option may be given.
enum class Repeat { kOnce, kMany };

// Option is one option of a command. Long names stand without their dashes.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the fields stand as tables read best.
struct Option {
  std::string_view name;
  char letter = 0;            // the short form, or 0 where there is none
  std::string_view arg = {};  // the value as help shows it ("FILE"); empty for a flag
  std::string_view help;      // one line, lower case, no full stop
  Repeat repeat = Repeat::kOnce;
  std::span<const std::string_view> choices = {};  // the only values allowed; empty for any
  Complete complete = Complete::kNothing;
  std::string_view older = {};  // a name that it had before, taken still and shown nowhere
};

// OptionGroup is options that several commands may share, under one heading of the help.
struct OptionGroup {
  std::string_view title;
  std::span<const Option> options;
};

// How many words an argument takes.
enum class Count {
  kOne,
  kOptional,   // one or none
  kOneOrMore,  // one or more
  kAny,        // none or more
};

// Argument is what a command takes besides options. Only the last one may take many words.
struct Argument {
  std::string_view name;  // upper case, as help shows it
  std::string_view help;
  Count count = Count::kOne;
  std::span<const std::string_view> choices = {};
  Complete complete = Complete::kNothing;
};

// Action is what the first word of a command may be, with what it takes.
struct Action {
  std::string_view line;  // as "add-key ROLE FILE..."
  std::string_view help;  // one line, lower case, no full stop
};

// Example is a command line that works, and what it is good for.
struct Example {
  std::string_view line;  // begins with "cotter"
  std::string_view help;
};

// ExitNote says what one exit code means for a command.
struct ExitNote {
  Exit code;
  std::string_view meaning;
};

// Whether help and completion list a command.
enum class Visibility { kShown, kHidden };

// Call is what a command gets to work with: its parsed arguments and where its output goes. Both
// outlive the run.
struct Call {
  const Arguments& arguments;
  Output& output;
  void (*inherited_sigpipe)(int);  // what SIGPIPE did when cotter began, for a program it becomes
};

// Where a command's options may stand. Of one that runs a program, what stands behind the program's
// name is the program's.
enum class Options { kAnywhere, kBeforeArguments };

// Command is one command of cotter.
struct Command {
  std::string_view name;
  std::string_view summary;      // one line, lower case, no full stop
  std::string_view description;  // paragraphs of full sentences, separated by an empty line
  std::span<const Argument> arguments = {};
  std::span<const Action> actions = {};  // of a command whose first argument is one
  std::span<const OptionGroup> groups = {};
  std::span<const Example> examples;
  std::span<const ExitNote> exits;
  Exit (*run)(Call call);
  Visibility visibility = Visibility::kShown;
  Exit usage_exit = Exit::kUsage;  // of a command line that is not understood
  Options options = Options::kAnywhere;
};

// kJsonOption and kHelpOption are the same in every command; --help is added by the parser.
inline constexpr Option kJsonOption{.name = "json", .help = "print JSON instead of text"};
inline constexpr Option kHelpOption{.name = "help", .letter = 'h', .help = "show this help"};

// kEnvironmentOption is --environment of every command that reads a policy.
inline constexpr std::string_view kEnvironments[] = {"development", "staging", "production"};
inline constexpr Option kEnvironmentOption{
    .name = "environment",
    .arg = "NAME",
    .help = "refuse a policy that is not for this environment",
    .choices = kEnvironments};

}  // namespace cotter::cli
