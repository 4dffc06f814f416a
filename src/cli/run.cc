// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <csignal>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/parse.h"
#include "cli/report.h"

namespace cotter::cli {
namespace {

// OccupyStandardStreams makes sure that no file or socket opened later becomes descriptor 0, 1 or
// 2, where our output would go into it. What takes their place cannot be used in the direction that
// matters, so a closed standard output is still an error.
void OccupyStandardStreams() noexcept {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    const int mode = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    [[maybe_unused]] const int opened = ::open("/dev/null", mode | O_CLOEXEC);
  }
}

Exit UsageFailure(std::string_view message, std::string_view hint) {
  ReportError(message);
  ReportHint(hint);
  return Exit::kUsage;
}

Exit UnknownCommand(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Command* command : AllCommands()) {
    if (command->visibility == Visibility::kShown) names.push_back(command->name);
  }
  const auto nearest = base::Nearest(name, names);
  return UsageFailure("unknown command '" + std::string(name) + "'",
                      nearest ? "did you mean 'cotter " + std::string(*nearest) + "'?"
                              : "'cotter help' lists the commands");
}

// RunCommand keeps exceptions (memory, a library's) from ending the program without a word.
Exit RunCommand(const Command& command, const Call& call) {
  try {
    return command.run(call);
  } catch (const std::exception& exception) {
    ReportError(std::string(command.name), Error{Code::kInternal, exception.what()});
    return Exit::kUndecided;
  }
}

Exit Dispatch(std::span<const char* const> words, Output& output, void (*sigpipe)(int)) {
  if (words.empty()) return UsageFailure("no command is given", "'cotter help' lists the commands");
  std::string_view name = words.front();
  if (name == "--help" || name == "-h") name = "help";
  if (name == "--version" || name == "-V") name = "version";
  if (name.starts_with("-")) {
    return UsageFailure("unknown option '" + std::string(name) + "' before the command",
                        "options stand behind the command: 'cotter help' lists the commands");
  }
  const Command* command = FindCommand(name);
  if (command == nullptr) return UnknownCommand(name);
  const Parsed parsed = ParseArguments(*command, words.subspan(1));
  if (parsed.error) {
    (void)UsageFailure(parsed.error->message, parsed.error->hint);
    return command->usage_exit;
  }
  if (parsed.arguments->Has(kHelpOption.name)) {
    output.Text(RenderHelp(*command));
    return Exit::kSatisfied;
  }
  return RunCommand(
      *command,
      Call{.arguments = *parsed.arguments, .output = output, .inherited_sigpipe = sigpipe});
}

}  // namespace

Exit Run(std::span<const char* const> words) {
  OccupyStandardStreams();
  // A reader that goes away is seen as EPIPE, so that it can be told from failure.
  const auto inherited = std::signal(SIGPIPE, SIG_IGN);
  Output output(STDOUT_FILENO);
  const Exit exit = Dispatch(words, output, inherited == SIG_ERR ? SIG_DFL : inherited);
  const Result<void> finished = output.Finish();
  // A reader that went away has seen enough. What was found stays as true as it was.
  if (finished || output.reader_gone()) return exit;
  ReportError(finished.error().message);
  return MergeExits(exit, Exit::kUndecided);
}

}  // namespace cotter::cli
