// SPDX-License-Identifier: Apache-2.0
#include "cli/man.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "cli/build_info.h"
#include "cli/commands.h"
#include "cli/help.h"

namespace cotter::cli {
namespace {

// Escaped is `text` as roff reads it: backslashes and hyphens stand for themselves, and no line
// begins with a control character.
std::string Escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Heading(std::string_view title) {
  std::string upper(title);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return ".TH " + Escaped(upper) + " 1 \"" + std::string(kReleaseDate) + "\" \"cotter " +
         std::string(kVersion) + "\" \"cotter manual\"\n";
}

std::string Bold(std::string_view text) { return "\\fB" + Escaped(text) + "\\fR"; }
std::string Italic(std::string_view text) { return "\\fI" + Escaped(text) + "\\fR"; }

// AppendItem appends a tagged paragraph; `tag` is roff already.
void AppendItem(std::string& out, std::string_view tag, std::string_view text) {
  out.append(".TP\n").append(tag).append("\n").append(Escaped(text)).append("\n");
}

void AppendParagraphs(std::string& out, std::string_view text) {
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    if (!first) out += ".PP\n";
    out += Escaped(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 2, text.size()));
    first = false;
  }
}

void AppendOption(std::string& out, const Option& option) {
  std::string tag;
  if (option.letter != 0) tag = Bold(std::string("-") + option.letter) + ", ";
  tag += Bold("--" + std::string(option.name));
  if (!option.arg.empty()) tag += " " + Italic(option.arg);
  AppendItem(out, tag, DescribeOption(option));
}

void AppendOptions(std::string& out, const Command& command) {
  out += ".SH OPTIONS\n";
  bool several = false;
  for (const OptionGroup& group : command.groups) {
    if (several) out += ".SS " + Escaped(group.title) + "\n";
    several = true;
    for (const Option& option : group.options) AppendOption(out, option);
    if (&group == &command.groups.front()) AppendOption(out, kHelpOption);
  }
  if (!several) AppendOption(out, kHelpOption);
}

void AppendExits(std::string& out, const Command& command) {
  out += ".SH EXIT STATUS\n";
  for (const ExitNote& note : command.exits) {
    AppendItem(out, Bold(std::to_string(static_cast<int>(note.code))), note.meaning);
  }
}

void AppendExamples(std::string& out, const Command& command) {
  out += ".SH EXAMPLES\n";
  for (const Example& example : command.examples) {
    AppendItem(out, Bold(example.line), example.help);
  }
}

}  // namespace

std::string RenderManOverview() {
  std::string out = Heading("cotter");
  out +=
      ".SH NAME\ncotter \\- make, check and ship TLS certificate pins\n"
      ".SH SYNOPSIS\n.B cotter\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
      ".SH DESCRIPTION\n"
      "cotter makes certificate pins and checks them on real connections.\n"
      "Data goes to standard output, everything else to standard error.\n"
      ".SH COMMANDS\n";
  std::string pages;
  for (const Command* command : AllCommands()) {
    if (command->visibility == Visibility::kHidden) continue;
    AppendItem(out, Bold(command->name), command->summary);
    if (!pages.empty()) pages += ",\n";
    // \% keeps the name from being hyphenated.
    pages += "\\%\\fBcotter\\-" + Escaped(command->name) + "\\fR(1)";
  }
  out +=
      ".SH EXIT STATUS\n"
      ".TP\n\\fB0\\fR\nthe answer is yes, or the work is done; also where the reader of standard "
      "output went away\n"
      ".TP\n\\fB1\\fR\nthe answer is no\n"
      ".TP\n\\fB2\\fR\nthe command line or an input is not usable\n"
      ".TP\n\\fB3\\fR\nit could not be told: network, time\\-out, a search over its bound\n"
      ".PP\nOf many targets, 2 comes before 1, 1 before 3, and 3 before 0.\n"
      ".SH ENVIRONMENT\n"
      ".TP\n\\fBNO_COLOR\\fR\nif set and not empty, no colour is used\n"
      ".TP\n\\fBSSL_CERT_FILE\\fR, \\fBSSL_CERT_DIR\\fR\nwhere the roots of this machine are, "
      "instead of OpenSSL\\(aqs own place\n"
      ".SH SEE ALSO\n";
  out += pages + "\n";
  return out;
}

std::string RenderMan(const Command& command) {
  std::string out = Heading("cotter-" + std::string(command.name));
  out += ".SH NAME\ncotter\\-" + Escaped(command.name) + " \\- " + Escaped(command.summary) + "\n";
  out += ".SH SYNOPSIS\n" + Bold("cotter " + std::string(command.name)) + " [\\fIOPTION\\fR...]";
  for (const Argument& argument : command.arguments) out += " " + Italic(RenderArgument(argument));
  out += "\n.SH DESCRIPTION\n";
  AppendParagraphs(out, command.description);
  if (!command.arguments.empty()) out += ".SH ARGUMENTS\n";
  for (const Argument& argument : command.arguments) {
    AppendItem(out, Italic(RenderArgument(argument)), DescribeArgument(argument));
  }
  if (!command.actions.empty()) out += ".SH ACTIONS\n";
  for (const Action& action : command.actions) AppendItem(out, Bold(action.line), action.help);
  AppendOptions(out, command);
  AppendExits(out, command);
  AppendExamples(out, command);
  out += ".SH SEE ALSO\n.BR cotter (1)\n";
  return out;
}

}  // namespace cotter::cli
