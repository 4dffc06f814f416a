// SPDX-License-Identifier: Apache-2.0
//
// cotter check: does a server, or a chain from a file, satisfy a policy.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/arguments.h"
#include "cli/check_row.h"
#include "cli/check_targets.h"
#include "cli/connect_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"
#include <cotter/evaluate.h>

namespace cotter::cli {
namespace {

constexpr std::string_view kHint = "'cotter help check' shows what it takes";

Exit Failure(std::string_view where, const Error& error) {
  ReportError(where, error);
  return ExitOf(error.code);
}

Exit UsageFailure(std::string_view message, std::string_view hint) {
  ReportError(message);
  ReportHint(hint);
  return Exit::kUsage;
}

// Misuse is what is wrong with how the options go together; nullopt if nothing is.
std::optional<std::string_view> Misuse(const Arguments& arguments) {
  const bool policy = arguments.Has("policy");
  const bool pin = arguments.Has("pin");
  const bool chain = arguments.Has("chain");
  if (policy && pin) return "check: --policy and --pin exclude each other";
  if (!policy && !pin && !chain) return "check: nothing to check against: no --policy and no --pin";
  if (arguments.Has("at") && !chain) return "check: --at needs --chain: servers are judged now";
  if (chain && arguments.positionals().size() != 1) return "check: --chain takes exactly one host";
  return std::nullopt;
}

// ReadRules reads the policy or the pins. It reports what is wrong itself.
Exit ReadRules(const Arguments& arguments, Judging& judging) {
  if (const auto path = arguments.Value("policy")) {
    auto policy = ReadPolicyFile(std::string(*path));
    if (!policy) return Failure({}, policy.error());
    const auto environment = arguments.Value("environment");
    if (environment && (*policy)->environment() != *environment) {
      return Failure(
          *path, Error{Code::kWrongEnvironment,
                       "expected a policy for " + std::string(*environment) + ", found one for \"" +
                           std::string((*policy)->environment()) + "\""});
    }
    judging.policy = std::move(*policy);
    judging.source = RuleSource::kPolicyFile;
  }
  for (const std::string_view text : arguments.Values("pin")) {
    const Result<Digest> pin = ParsePin(text);
    if (!pin) return Failure("--pin '" + std::string(text) + "'", pin.error());
    judging.pins.push_back(*pin);
    judging.source = RuleSource::kPins;
  }
  return Exit::kSatisfied;
}

// ReadJudging reads everything that targets are held against.
Exit ReadJudging(const Arguments& arguments, const ConnectionOptions& options, Judging& judging) {
  judging.now = base::Now();
  if (const auto at = arguments.Value("at")) {
    const Result<Time> time = ParseTime(*at);
    if (!time) return Failure("--at", time.error());
    judging.now = *time;
  }
  if (const Exit read = ReadRules(arguments, judging); read != Exit::kSatisfied) return read;
  auto trust = tls::LoadTrustStore(options.trust);
  if (!trust) return Failure({}, trust.error());
  judging.trust = std::move(*trust);
  return Exit::kSatisfied;
}

// ReportRow says on standard error what is wrong with a target, for people who kept only that.
void ReportRow(const CheckRow& row, Unpinned unpinned) {
  if (row.verdict == NameOf(Outcome::kReported)) ReportWarning(row.target + ": " + row.message);
  if (ExitOfRow(row, unpinned) == Exit::kSatisfied) return;
  const std::string message = row.message.empty() ? "no pin is enforced for it" : row.message;
  ReportError(row.target, Error{row.code.value_or(Code::kNotPinned), message});
}

Exit Check(Call call, const ConnectionOptions& options, const Judging& judging) {
  std::optional<PresentedChain> chain;
  if (const auto path = call.arguments.Value("chain")) {
    Result<PresentedChain> read = ReadChainFile(std::string(*path));
    if (!read) return Failure({}, read.error());
    chain = std::move(*read);
  }
  const Unpinned unpinned =
      call.arguments.Has("require-pinned") ? Unpinned::kViolates : Unpinned::kSatisfies;
  std::vector<net::Target> targets;
  for (const std::string& text : call.arguments.positionals()) {
    Result<net::Target> target = ParseTarget(text, options);
    if (!target) return Failure(text, target.error());
    if (const Result<void> usable = CheckRules(*target, judging); !usable) {
      return Failure("check", usable.error());
    }
    targets.push_back(std::move(*target));
  }
  Exit exit = Exit::kSatisfied;
  std::vector<CheckRow> rows;
  for (const net::Target& target : targets) {
    rows.push_back(chain ? CheckChain(target, *chain, judging)
                         : CheckServer(target, options, judging));
    exit = MergeExits(exit, ExitOfRow(rows.back(), unpinned));
    ReportRow(rows.back(), unpinned);
  }
  if (call.arguments.Has("json")) {
    PrintCheckJson(call.output, rows);
  } else {
    PrintCheckText(call.output, rows);
  }
  return exit;
}

Exit RunCheck(Call call) {
  if (const auto misuse = Misuse(call.arguments)) return UsageFailure(*misuse, kHint);
  const Result<ConnectionOptions> options = ParseConnectionOptions(call.arguments);
  if (!options) return UsageFailure("check: " + options.error().message, kHint);
  Judging judging;
  const Exit read = ReadJudging(call.arguments, *options, judging);
  return read == Exit::kSatisfied ? Check(call, *options, judging) : read;
}

constexpr Argument kArguments[] = {{.name = "TARGET",
                                    .help = "a server (host, host:port, [::1]:port); with --chain, "
                                            "the host that the chain is for",
                                    .count = Count::kOneOrMore,
                                    .complete = Complete::kHost}};

constexpr Option kOptions[] = {
    {.name = "policy",
     .letter = 'p',
     .arg = "FILE",
     .help = "the policy to check against: TOML, JSON or compiled",
     .complete = Complete::kFile},
    kEnvironmentOption,
    {.name = "pin",
     .arg = "PIN",
     .help = "a pin that may match anywhere in the verified path of every target",
     .repeat = Repeat::kMany},
    {.name = "chain",
     .arg = "FILE",
     .help = "judge the chain in FILE, leaf first, as if TARGET had presented it",
     .complete = Complete::kFile},
    {.name = "at", .arg = "TIME", .help = "judge the chain as of TIME, RFC 3339 (default: now)"},
    {.name = "require-pinned",
     .help = "a target that no rule pins violates, as a misspelt one; right for scripts"},
    kJsonOption,
};

constexpr OptionGroup kGroups[] = {{"Options", kOptions}, kConnectGroup};

constexpr Example kExamples[] = {
    {.line = "cotter check --policy policy.toml api.example.com",
     .help = "does the live server satisfy the policy"},
    {.line = "cotter check --pin sha256/AbEi… --pin sha256/9Kp2… api.example.com:8443",
     .help = "the same with two pins and no policy file"},
    {.line = "cotter check --chain new.pem --policy policy.toml api.example.com",
     .help = "may this certificate be deployed"},
    {.line = "cotter check --chain chain.pem --at 2027-01-01 --cacert ca.pem api.example.com",
     .help = "does a chain verify on a given day, with a CA of your own"},
    {.line = "cotter check --json --require-pinned -p policy.toml HOST... >report.json",
     .help = "for a script: the exit code is the worst of all hosts"},
};

constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "every target satisfies: pinned_ok, reported or not_pinned"},
    {Exit::kViolated, "a target violates: a mismatch, a revoked key, a chain that does not verify"},
    {Exit::kUsage, "the command line, the policy or a file is not usable"},
    {Exit::kUndecided, "could not tell: the network, a time-out, a search over its bound"},
};

}  // namespace

extern const Command kCheckCommand{
    .name = "check",
    .summary = "check live servers, or a chain in a file, against a policy",
    .description =
        "PKI comes first and pins second. The chain is verified for the target's name, and pins "
        "are held against verified paths only: the one that OpenSSL finds, and if that misses "
        "every "
        "other one. What the server presents proves nothing by itself.\n\n"
        "A server is asked at every address, for its RSA and its ECDSA certificate; the answer is "
        "the worst of what was found. No request is sent. Of several targets the exit code is that "
        "of "
        "the worst: 2 before 1 before 3 before 0.\n\n"
        "With --chain nothing is connected to: the chain in the file is judged as if the target "
        "had presented it. Without --policy and --pin the verdict is then not_pinned where PKI is "
        "sound, and pki_error where it is not.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunCheck,
};

}  // namespace cotter::cli
