// SPDX-License-Identifier: Apache-2.0
//
// cotter generate: man pages and completions from the command table, for packages and tests.
#include <string>
#include <string_view>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/man.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"
#include <cotter/bytes.h>

namespace cotter::cli {
namespace {

Exit WriteManPages(const std::string& folder) {
  const auto write = [&](const std::string& name, const std::string& page) {
    const Result<void> written =
        base::WriteFileAtomically(folder + "/" + name + ".1", AsBytes(page));
    if (!written) ReportError({}, written.error());
    return written.has_value();
  };
  if (!write("cotter", RenderManOverview())) return Exit::kUsage;
  for (const Command* command : AllCommands()) {
    if (command->visibility == Visibility::kHidden) continue;
    if (!write("cotter-" + std::string(command->name), RenderMan(*command))) return Exit::kUsage;
  }
  return Exit::kSatisfied;
}

Exit PrintCompletion(std::string_view shell, Output& output) {
  if (shell == "bash") {
    output.Text(RenderBashCompletion());
  } else if (shell == "zsh") {
    output.Text(RenderZshCompletion());
  } else if (shell == "fish") {
    output.Text(RenderFishCompletion());
  } else {
    ReportError("generate: no completion for '" + std::string(shell) + "'");
    ReportHint("bash, zsh and fish are known");
    return Exit::kUsage;
  }
  return Exit::kSatisfied;
}

Exit RunGenerate(Call call) {
  const auto words = call.arguments.positionals();
  return words[0] == "man" ? WriteManPages(words[1]) : PrintCompletion(words[1], call.output);
}

constexpr std::string_view kKinds[] = {"man", "completion"};

constexpr Argument kArguments[] = {
    {.name = "KIND", .help = "what to write", .choices = kKinds},
    {.name = "WHERE",
     .help = "man: the directory, which must exist; completion: bash, zsh or fish",
     .complete = Complete::kDirectory}};

constexpr Example kExamples[] = {
    {.line = "cotter generate man /usr/local/share/man/man1", .help = "write every man page"},
    {.line = "cotter generate completion bash", .help = "print the completion of bash"}};

constexpr ExitNote kExits[] = {{Exit::kSatisfied, "everything was written"},
                               {Exit::kUsage, "the command line or the directory is not usable"}};

}  // namespace

extern const Command kGenerateCommand{
    .name = "generate",
    .summary = "write man pages and shell completions",
    .description =
        "The pages are one a command and one for all. The completion of a shell is printed. "
        "All come from the same table as this help.",
    .arguments = kArguments,
    .examples = kExamples,
    .exits = kExits,
    .run = RunGenerate,
    .visibility = Visibility::kHidden,
};

}  // namespace cotter::cli
