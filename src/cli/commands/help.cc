// SPDX-License-Identifier: Apache-2.0
//
// cotter help: what the commands are, and what one of them takes.
#include "cli/help.h"

#include <string>
#include <string_view>
#include <vector>

#include "base/nearest.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"

namespace cotter::cli {
namespace {

Exit RunHelp(Call call) {
  if (call.arguments.positionals().empty()) {
    call.output.Text(RenderOverview());
    return Exit::kSatisfied;
  }
  const std::string_view name = call.arguments.positionals().front();
  if (const Command* command = FindCommand(name)) {
    call.output.Text(RenderHelp(*command));
    return Exit::kSatisfied;
  }
  std::vector<std::string_view> names;
  for (const Command* command : AllCommands()) names.push_back(command->name);
  const auto nearest = base::Nearest(name, names);
  ReportError("help: unknown command '" + std::string(name) + "'");
  ReportHint(nearest ? "did you mean 'cotter help " + std::string(*nearest) + "'?"
                     : "'cotter help' lists the commands");
  return Exit::kUsage;
}

constexpr Argument kArguments[] = {{.name = "COMMAND",
                                    .help = "the command to tell about",
                                    .count = Count::kOptional,
                                    .complete = Complete::kCommand}};

constexpr Example kExamples[] = {
    {.line = "cotter help pins", .help = "everything that 'cotter pins' takes, with examples"}};

constexpr ExitNote kExits[] = {{Exit::kSatisfied, "help was printed"},
                               {Exit::kUsage, "there is no such command"}};

}  // namespace

extern const Command kHelpCommand{
    .name = "help",
    .summary = "list the commands, or tell what one of them takes",
    .description =
        "Without COMMAND, lists every command with one line each. The same text is in "
        "the man pages, one page a command: cotter-pins(1).",
    .arguments = kArguments,
    .examples = kExamples,
    .exits = kExits,
    .run = RunHelp,
};

}  // namespace cotter::cli
