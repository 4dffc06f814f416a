// SPDX-License-Identifier: Apache-2.0
//
// cotter exec: run an unmodified program with a policy enforced in its TLS library.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cli/arguments.h"
#include "cli/exec_doctor.h"
#include "cli/exec_policy.h"
#include "cli/exec_start.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/remote_options.h"
#include "cli/report.h"
#include "coverage/program.h"
#include "preload/interface.h"

namespace cotter::cli {
namespace {

constexpr std::string_view kHint = "'cotter help exec' shows what it takes";

// The exit codes of `cotter exec` itself, as those of env and timeout. Every other is the
// program's.
constexpr Exit kExecFailed = static_cast<Exit>(125);    // no policy, no library, misuse
constexpr Exit kExecRefused = static_cast<Exit>(126);   // found, but not run
constexpr Exit kExecNotFound = static_cast<Exit>(127);  // there is no such program

Exit UsageFailure(std::string_view message) {
  ReportError(message);
  ReportHint(kHint);
  return kExecFailed;
}

Exit Failure(std::string_view where, const Error& error) {
  ReportError(where, error);
  return kExecFailed;
}

ExecRequest RequestOf(const Arguments& arguments) {
  const auto text = [&arguments](std::string_view name) -> std::optional<std::string> {
    const auto value = arguments.Value(name);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  };
  return {.policy = text("policy"),
          .audit = text("audit"),
          .audit_events = text("audit-events"),
          .report_only = arguments.Has("report-only"),
          .allow_uncovered = arguments.Has("allow-uncovered"),
          .words = {arguments.positionals().begin(), arguments.positionals().end()}};
}

// StoreRemote is StoreRules for a signed repository. Where that is out of reach, or has nothing
// that may be taken, the last good policy is enforced, and that is told.
Result<std::string> StoreRemote(update::RemoteOptions options, const Arguments& arguments) {
  options.base_file = arguments.Value("policy").value_or("");
  const auto source = update::RemotePolicy::Open(std::move(options));
  if (!source) return source.error();
  const std::shared_ptr<const PolicyIndex> policy = (*source)->Current();
  const update::RemoteStatus status = (*source)->Status();
  if (!status.last_success) {
    const std::string why = status.rejected
                                ? "update rejected at step " + status.rejected->step + " (" +
                                      std::string(NameOf(status.rejected->error.code)) +
                                      "): " + status.rejected->error.message
                                : "the repository is slow";
    ReportWarning("exec: " + why + "; going on with version " + std::to_string(policy->version()) +
                  " of the policy");
  }
  return StorePolicy(*policy);
}

Result<std::string> StoreRules(const Arguments& arguments) {
  auto remote = RemoteOptionsOf(arguments, arguments.Value("environment").value_or(""));
  if (!remote) return remote.error();
  if (*remote) return StoreRemote(**std::move(remote), arguments);
  if (const auto path = arguments.Value("policy")) return StorePolicyFile(std::string(*path));
  const Result<PolicyIndex> policy = PolicyOfPins(arguments.Values("pin"));
  return policy ? StorePolicy(*policy) : Result<std::string>(policy.error());
}

// Refuse says why the program at `path` must not run.
Exit Refuse(const std::string& word, const std::string& path) {
  const coverage::ProgramLook look = coverage::LookAtProgram(path.c_str());
  ReportError("exec: " + path + " is not covered: " + std::string(Describe(look.kind)));
  ReportHint("'cotter exec --doctor " + word +
             "' says more; --allow-uncovered runs it without enforcement");
  return kExecRefused;
}

Exit Run(Call call) {
  const Arguments& arguments = call.arguments;
  const ExecRequest request = RequestOf(arguments);
  if (arguments.Has("doctor")) {
    return RunDoctor(request.words, arguments.Has("json") ? DoctorForm::kJson : DoctorForm::kText,
                     call.output);
  }
  if (arguments.Has("json")) return UsageFailure("exec: --json needs --doctor");
  const bool remote = arguments.Has("remote");
  if (remote ? arguments.Has("pin") : arguments.Has("policy") == arguments.Has("pin")) {
    return UsageFailure(
        "exec: expected --policy FILE, --remote URL, or --pin HOST=PIN, before "
        "the program");
  }
  if (!remote && arguments.Has("environment")) {
    return UsageFailure("exec: --environment needs --remote URL");
  }
  if (arguments.Has("audit-events") && !arguments.Has("audit")) {
    return UsageFailure("exec: --audit-events needs --audit FILE");
  }
  ExecSettings settings;
  Result<std::string> library = FindPreload();
  if (!library) return Failure("exec", library.error());
  Result<std::string> policy = StoreRules(arguments);
  if (!policy) return Failure("exec", policy.error());
  settings.library = *std::move(library);
  settings.policy = *std::move(policy);
  settings.options = OptionsOf(request);
  if (request.audit) {
    Result<std::string> path = PrepareAudit(*request.audit);
    if (!path) return Failure("exec", path.error());
    settings.audit = *std::move(path);
  }
  const std::string program = FindProgram(request.words.front());
  if (program.empty()) {
    ReportError("exec: " + request.words.front() + ": no such program");
    return kExecNotFound;
  }
  if (!request.allow_uncovered && !MayRun(program)) return Refuse(request.words.front(), program);
  call.output.Flush();
  // Ignored signals stay ignored behind exec.
  std::signal(SIGPIPE, call.inherited_sigpipe);
  const int error = Become(program, request.words, settings);
  ReportError("exec: " + program + ": " + std::strerror(error));
  return error == ENOENT || error == ENOTDIR ? kExecNotFound : kExecRefused;
}

constexpr Argument kArguments[] = {
    {.name = "PROGRAM",
     .help = "the program and its arguments; what stands behind its name is its own",
     .count = Count::kOneOrMore,
     .complete = Complete::kFile}};

constexpr std::string_view kEvents[] = {"violations", "unlisted", "all"};

constexpr Option kOptions[] = {
    {.name = "policy",
     .letter = 'p',
     .arg = "FILE",
     .help = "the policy to enforce: TOML, JSON or compiled; with --remote, the first one",
     .complete = Complete::kFile},
    {.name = "pin",
     .arg = "HOST=PIN",
     .help = "in place of a policy: a pin that may match anywhere in HOST's path",
     .repeat = Repeat::kMany},
    {.name = "environment",
     .arg = "NAME",
     .help = "with --remote: what this client is (default production)"},
    {.name = "report-only", .help = "refuse nothing: tell what would be refused"},
    {.name = "audit",
     .arg = "FILE",
     .help = "append a line of JSON for each connection that is refused or reported",
     .complete = Complete::kFile},
    {.name = "audit-events",
     .arg = "WHICH",
     .help = "what else gets a line: connections to unlisted hosts, or all",
     .choices = kEvents},
    {.name = "allow-uncovered",
     .help = "run programs that nothing can be enforced in, here and below"},
    {.name = "doctor", .help = "do not run PROGRAM: say whether it is covered, and prove it"},
    {.name = "json", .help = "with --doctor: print JSON instead of text"},
};

constexpr OptionGroup kGroups[] = {{"Options", kOptions}, kRemoteGroup};

constexpr Example kExamples[] = {
    {.line = "cotter exec --policy policy.toml -- curl https://api.example.com/",
     .help = "curl, but a server without a pinned key is refused in the handshake"},
    {.line = "cotter exec --remote https://pins.example.com --root root.json -- ./nightly.sh",
     .help = "the policy of a signed repository, or the last good one where that is out of reach"},
    {.line = "cotter exec --doctor psql", .help = "can a policy be enforced in this program"},
    {.line = "cotter exec -p policy.toml --report-only --audit audit.jsonl -- ./nightly.sh",
     .help = "learn what a script and all that it starts would be refused"},
    {.line = "cotter exec --pin example.com=sha256/AbEi… -- wget https://example.com/",
     .help = "one pin and no policy file"},
};

constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "with --doctor: the program is covered"},
    {Exit::kViolated, "with --doctor: it is not"},
    {Exit::kUsage, "with --doctor: there is no such program"},
    {Exit::kUndecided, "with --doctor: covered as far as can be told without a proof"},
    {kExecFailed, "cotter could not begin: the command line, the policy, the library"},
    {kExecRefused, "the program was found but not run: it is not covered, or not executable"},
    {kExecNotFound, "the program was not found"},
};

}  // namespace

extern const Command kExecCommand{
    .name = "exec",
    .summary = "run a program with a policy enforced in its TLS library",
    .description =
        "The program is not changed: a library is preloaded into it, and into everything that it "
        "starts, and judges each TLS connection inside the handshake, whatever the program itself "
        "verifies. It covers programs that use OpenSSL 3 or GnuTLS as shared libraries. Programs "
        "that nothing can be enforced in (setuid, static, Go, Java) are refused, also when a "
        "covered one starts them.\n\n"
        "It keeps a program from being deceived. It is no boundary against the program: one that "
        "wants to can get around it.\n\n"
        "The exit code is the program's own; 125 to 127 may be cotter's. With --doctor it is 0, 1, "
        "2 or 3 as everywhere.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = Run,
    .usage_exit = kExecFailed,
    .options = Options::kBeforeArguments,
};

}  // namespace cotter::cli
