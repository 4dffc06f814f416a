// SPDX-License-Identifier: Apache-2.0
//
// cotter lint: what is wrong with a policy, or with another program's pinning configuration.
#include "policy/lint.h"

#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/lint_live.h"
#include "cli/lint_report.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"
#include "formats/exchange.h"
#include "policy/policy_file.h"
#include "policy/words.h"
#include <cotter/policy_index.h>

namespace cotter::cli {
namespace {

constexpr std::string_view kProfiles[] = {"standard", "mobile", "healthcare", "internal", "strict"};

// Job is one file on its way through lint.
struct Job {
  std::string name;
  base::FileImage image{};
  Policy policy{};
  std::vector<policy::ReadIssue> issues{};
  policy::Origin origin = policy::Origin::kOurs;
  std::vector<policy::LiveServer> live{};
};

// Settings are the same for every file.
struct Settings {
  policy::Profile profile = policy::Profile::kStandard;
  LintFormat format = LintFormat::kText;
  Time now;
};

Exit Failure(std::string_view where, const Error& error) {
  ReportError(where, error);
  return Exit::kUsage;
}

// IsOurs reports that a text is in our language: no foreign format has these tables.
bool IsOurs(std::string_view text, std::string_view name) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return true;
  if (text[first] == '{') {
    const std::size_t key = text.find_first_not_of(" \t\r\n", first + 1);
    return key != std::string_view::npos && text.substr(key).starts_with("\"policy\"");
  }
  return name.ends_with(".toml") || text.starts_with("[policy]") ||
         text.find("\n[policy]") != std::string_view::npos ||
         text.find("\n[[host]]") != std::string_view::npos;
}

// LineOf is the line in "NAME:LINE:COLUMN: ...", as the readers of foreign formats write it.
std::uint32_t LineOf(std::string_view message, std::string_view name) {
  if (!message.starts_with(name) || message.size() < name.size() + 2) return 0;
  const std::string_view rest = message.substr(name.size() + 1);
  std::uint32_t line = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), line);
  const bool whole = error == std::errc() && end != rest.data() + rest.size() && *end == ':';
  return whole && message[name.size()] == ':' ? line : 0;
}

// IsFinding reports an error about a configuration that could be read otherwise: lint's own matter.
bool IsFinding(Code code) {
  switch (code) {
    case Code::kPinMalformed:
    case Code::kPinWrongLength:
    case Code::kPinPlaceholder:
    case Code::kPinEmptyInput:
    case Code::kPatternInvalid:
    case Code::kTimeInvalid:
    case Code::kPolicyDuplicate:
    case Code::kPolicyNoUsablePin:
      return true;
    default:
      return false;
  }
}

// ReadForeign imports another program's file. What is wrong with a pin there is a finding.
Exit ReadForeign(Job& job) {
  job.origin = policy::Origin::kForeign;
  const formats::InputFile file{job.name, job.image.bytes()};
  Result<formats::ImportedPolicy> imported = formats::ImportLeniently(std::span(&file, 1));
  if (imported) {
    job.policy = std::move(imported->policy);
    for (const formats::Loss& loss : imported->losses) {
      // That nothing is left follows from the other findings.
      if (!loss.fault || loss.fault == Code::kPinsMissing) continue;
      job.issues.push_back({*loss.fault, {loss.line, 1}, loss.what, loss.rule});
    }
    return Exit::kSatisfied;
  }
  const Error& error = imported.error();
  if (!IsFinding(error.code)) return Failure("", error);
  job.issues.push_back({error.code, {LineOf(error.message, job.name), 1}, error.message, {}});
  return Exit::kSatisfied;
}

Exit ReadJob(Job& job) {
  Result<base::FileImage> image = base::ReadFile(job.name);
  if (!image) return Failure("", image.error());
  job.image = *std::move(image);
  const std::string_view text = AsText(job.image.bytes());
  if (!IsOurs(text, job.name)) return ReadForeign(job);
  Result<policy::LenientPolicy> read = policy::ReadPolicyLeniently(text, job.name);
  if (!read) return Failure("", read.error());
  job.policy = std::move(read->policy);
  job.issues = std::move(read->issues);
  return Exit::kSatisfied;
}

// TellPassedOver says in one line which rules no server was asked for.
void TellPassedOver(const std::string& file, std::span<const std::string> patterns) {
  constexpr std::size_t kNamed = 5;
  if (patterns.empty()) return;
  std::string list;
  for (const std::string& pattern : patterns.first(std::min(patterns.size(), kNamed))) {
    list += (list.empty() ? "" : ", ") + pattern;
  }
  if (patterns.size() > kNamed)
    list += " and " + std::to_string(patterns.size() - kNamed) + " more";
  ReportWarning(file + ": " + list + (patterns.size() == 1 ? " names" : " name") +
                " no server: not asked");
}

// AskServers is --live.
Exit AskServers(const Arguments& arguments, Job& job, Time now) {
  const Result<ConnectionOptions> options = ParseConnectionOptions(arguments);
  if (!options) return Failure("lint", options.error());
  // A policy that does not compile has findings already.
  if (!job.issues.empty() || FindFault(job.policy)) return Exit::kSatisfied;
  Result<LiveView> view = LookAtPolicy(job.policy, *options, now);
  if (!view) return Failure("lint", view.error());
  job.live = std::move(view->servers);
  for (const Error& failure : view->failures) ReportError("", failure);
  TellPassedOver(job.name, view->passed_over);
  return view->failures.empty() ? Exit::kSatisfied : Exit::kUndecided;
}

Exit LintAll(Call call, const Settings& settings) {
  std::vector<Job> jobs;
  Exit exit = Exit::kSatisfied;
  for (const std::string& name : call.arguments.positionals()) {
    Job job{.name = name};
    if (const Exit read = ReadJob(job); read != Exit::kSatisfied) return read;
    if (call.arguments.Has("live")) {
      const Exit asked = AskServers(call.arguments, job, settings.now);
      if (asked == Exit::kUsage) return asked;
      exit = MergeExits(exit, asked);
    }
    jobs.push_back(std::move(job));
  }
  std::vector<policy::LintedPolicy> together;
  for (const Job& job : jobs) together.push_back({job.name, job.policy});
  std::vector<std::vector<policy::Finding>> shared = policy::LintTogether(together);
  std::vector<LintedFile> files;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Job& job = jobs[i];
    LintedFile file{job.name, policy::Lint({.policy = job.policy,
                                            .issues = job.issues,
                                            .text = AsText(job.image.bytes()),
                                            .live = job.live,
                                            .origin = job.origin,
                                            .profile = settings.profile,
                                            .now = settings.now})};
    for (policy::Finding& finding : shared[i]) file.findings.push_back(std::move(finding));
    files.push_back(std::move(file));
  }
  PrintFindings(call.output, files, settings.format);
  const bool errors = CountFindings(files, policy::Severity::kError) != 0;
  return MergeExits(exit, errors ? Exit::kViolated : Exit::kSatisfied);
}

Exit RunLint(Call call) {
  Settings settings{.now = base::Now()};
  if (const auto at = call.arguments.Value("at")) {
    const Result<Time> time = ParseTime(*at);
    if (!time) return Failure("--at", time.error());
    settings.now = *time;
  }
  if (const auto profile = call.arguments.Value("profile")) {
    settings.profile = *policy::ValueFor(policy::kProfileWords, *profile);
  }
  const auto format = call.arguments.Value("format");
  for (std::size_t i = 0; format && i < std::size(kLintFormatNames); ++i) {
    if (kLintFormatNames[i] == *format) settings.format = static_cast<LintFormat>(i);
  }
  if (call.arguments.Has("json")) settings.format = LintFormat::kJson;
  return LintAll(call, settings);
}

constexpr Argument kArguments[] = {
    {.name = "FILE",
     .help = "a policy, or a configuration that cotter import understands; - is standard input",
     .count = Count::kOneOrMore,
     .complete = Complete::kFile}};

constexpr Option kOptions[] = {
    {.name = "profile",
     .arg = "NAME",
     .help = "whose rules count (default standard)",
     .choices = kProfiles},
    {.name = "live", .help = "ask the servers that the policy names, and compare"},
    {.name = "format",
     .arg = "FORMAT",
     .help = "how to print (default text)",
     .choices = kLintFormatNames},
    {.name = "at", .arg = "TIME", .help = "judge dates as of TIME, RFC 3339 (default: now)"},
    kJsonOption};

constexpr OptionGroup kGroups[] = {{.title = "Options", .options = kOptions}, kConnectGroup};

constexpr Example kExamples[] = {
    {.line = "cotter lint policy.toml", .help = "what is wrong, what to do"},
    {.line = "cotter lint --profile healthcare --format sarif policy.toml",
     .help = "for a pipeline's code scanning"},
    {.line = "cotter lint --live policy.toml", .help = "would publishing this lock anyone out"},
    {.line = "cotter lint staging.toml production.toml", .help = "do they share keys"},
    {.line = "cotter lint app/src/main/res/xml/network_security_config.xml",
     .help = "an Android app's pins"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "no finding is an error"},
    {.code = Exit::kViolated, .meaning = "a finding is an error"},
    {.code = Exit::kUsage, .meaning = "a file cannot be read as a policy or a configuration"},
    {.code = Exit::kUndecided, .meaning = "--live: a server could not be asked"}};

}  // namespace

extern const Command kLintCommand;
const Command kLintCommand{
    .name = "lint",
    .summary = "find what is wrong, weak or about to fail in a policy",
    .description =
        "Each finding has a stable code (cotter explain CODE), a severity, its line, the reason "
        "and "
        "the fix. The profile decides how much a finding matters: mobile apps need backups most, "
        "health data needs owners and reviews, an internal CA needs fewer pins, strict wants "
        "everything.\n\n"
        "Lead times before an expiry are 90 days, and 60 at the latest, where keys live a year, "
        "and "
        "shrink with the life of the key.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunLint};

}  // namespace cotter::cli
