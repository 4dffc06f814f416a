// SPDX-License-Identifier: Apache-2.0
//
// cotter watch: monitoring for ever.
#include "watch/watch.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/name_list.h"
#include "cli/arguments.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/remote_options.h"
#include "cli/report.h"
#include "watch/policy_view.h"
#include <cotter/time.h>

namespace cotter::cli {
namespace {

// Servers that a warning names: a line that can be read.
constexpr std::size_t kMostNamed = 5;

Exit Fail(const Error& error) {
  ReportError({}, error);
  return ExitOf(error.code);
}

void Describe(Output& output, const watch::WatchConfig& config) {
  for (const watch::GroupConfig& group : config.groups) {
    output.Field(group.name);
    output.Text(": ");
    output.Text(std::to_string(group.hosts.size()));
    output.Text(group.hosts.size() == 1 ? " server" : " servers");
    output.Text(", every " + std::to_string(group.interval.count()) + " s\n");
  }
  for (const watch::SinkConfig& sink : config.sinks) {
    output.Text("tells ");
    output.Field(sink.name);
    output.Text(" (" + std::string(NameOf(sink.kind)) + ")\n");
  }
  for (const watch::VantageConfig& vantage : config.vantages) {
    output.Text("hears ");
    output.Field(vantage.name);
    output.Text(", every " + std::to_string(vantage.interval.count()) + " s\n");
  }
  if (config.agent) {
    output.Text("with --agent, reports to ");
    output.Field(config.agent->collector);
    output.Text(" as ");
    output.Field(config.vantage);
    output.Text("\n");
  } else if (config.sinks.empty()) {
    ReportWarning("watch: there is no [[sink]]: alerts are in the log and on /metrics alone");
  }
}

// TellUnpinned names the servers that the policy has no pins for: whoever wrote a name wrong should
// not take silence for safety.
void TellUnpinned(const watch::WatchOptions& options) {
  const auto config = watch::LoadConfig(options);
  if (!config) return;
  const auto policy = watch::PolicyView::Load(config->policy, config->environment);
  if (!policy) return;  // told where it is needed
  std::vector<std::string> unpinned;
  for (const watch::GroupConfig& group : config->groups) {
    for (const net::Target& target : group.hosts) {
      if (!(*policy)->RuleOf(target).pins_anything()) unpinned.push_back(net::FormatTarget(target));
    }
  }
  if (unpinned.empty()) return;
  ReportWarning("watch: the policy has no pins for " + std::to_string(unpinned.size()) +
                (unpinned.size() == 1 ? " server (" : " servers (") +
                base::NameList(unpinned, kMostNamed) +
                "): what changes is told there, and any key that verifies passes");
}

void Describe(Output& output, const watch::Alert& alert) {
  output.Text(NameOf(alert.condition.severity));
  output.Text("  ");
  output.Text(NameOf(alert.condition.code));
  output.Text("  ");
  output.Field(alert.condition.text);
  output.Text(", since " + FormatTime(alert.since) + "\n");
  if (!alert.condition.details.empty()) {
    output.Text("    ");
    output.Field(alert.condition.details);
    output.Text("\n");
  }
}

void LogRejected(const update::PollEvent& event) {
  if (event.outcome != update::PollOutcome::kRejected) return;
  base::WriteLog(base::Level::kError, "update_rejected",
                 {{"step", event.step},
                  {"code", NameOf(event.error.code)},
                  {"message", event.error.message},
                  {"kept_version", static_cast<std::int64_t>(event.version)}});
}

// FollowRepository has the repository of `remote` bring its policy to a file, which `options` get
// in place of the configuration's. That is the first one, and says which environment this is.
Result<std::shared_ptr<update::RemotePolicy>> FollowRepository(update::RemoteOptions remote,
                                                               watch::WatchOptions& options) {
  const auto config = watch::Check(options);
  if (!config) return config.error();
  remote.base_file = config->policy;
  if (!config->environment.empty()) remote.environment = config->environment;
  remote.on_event = LogRejected;
  options.policy = remote.state + "/policy.json";
  return update::RemotePolicy::Open(std::move(remote));
}

Exit LookOnce(const watch::WatchOptions& options, Output& output) {
  const auto summary = watch::Once(options);
  if (!summary) return Fail(summary.error());
  for (const watch::Alert& alert : summary->firing) Describe(output, alert);
  TellUnpinned(options);
  if (summary->firing.empty()) {
    output.Text("all is well: " + std::to_string(summary->servers) +
                (summary->servers == 1 ? " server\n" : " servers\n"));
  }
  if (summary->undelivered != 0) {
    ReportError("watch: " + std::to_string(summary->undelivered) +
                " alerts wait for a sink; the next run tries again");
  }
  return summary->firing.empty() ? Exit::kSatisfied : Exit::kViolated;
}

Exit RunWatch(Call call) {
  watch::WatchOptions options;
  const auto config_file = call.arguments.Value("config");
  if (!config_file) {
    ReportError("watch: --config FILE is missing");
    ReportHint("'cotter help watch' shows what it takes");
    return Exit::kUsage;
  }
  options.config_file = *config_file;
  if (call.arguments.Has("insecure-listen-anywhere")) {
    options.reach = watch::Reach::kInsecureAnywhere;
  }
  const int modes = (call.arguments.Has("check") ? 1 : 0) + (call.arguments.Has("once") ? 1 : 0) +
                    (call.arguments.Has("agent") ? 1 : 0);
  if (modes > 1) {
    ReportError("watch: --check, --once and --agent exclude each other");
    ReportHint("--check reads an agent's configuration too");
    return Exit::kUsage;
  }
  if (call.arguments.Has("check")) {
    const auto config = watch::Check(options);
    if (!config) return Fail(config.error());
    Describe(call.output, *config);
    TellUnpinned(options);
    return Exit::kSatisfied;
  }
  auto remote = RemoteOptionsOf(call.arguments, {});
  if (!remote) return Fail(remote.error());
  std::shared_ptr<update::RemotePolicy> followed;  // as long as it watches
  if (*remote) {
    auto opened = FollowRepository(**std::move(remote), options);
    if (!opened) return Fail(opened.error());
    followed = *std::move(opened);
    options.more_figures = [followed] { return followed->MetricsText(); };
  }
  if (call.arguments.Has("once")) return LookOnce(options, call.output);
  const Result<void> served =
      call.arguments.Has("agent") ? watch::ServeAgent(options) : watch::Serve(options);
  return served ? Exit::kSatisfied : Fail(served.error());
}

constexpr Option kOptions[] = {
    {.name = "config",
     .letter = 'c',
     .arg = "FILE",
     .help = "the servers, the policy and who is told, in TOML",
     .complete = Complete::kFile},
    {.name = "check", .help = "read the configuration and all that it names, say so, and end"},
    {.name = "once", .help = "look at every server one time, tell what changed, and end; for cron"},
    {.name = "agent", .help = "report to the collector of [agent], and tell nobody else"},
    {.name = "insecure-listen-anywhere",
     .help = "serve pages on addresses that other machines reach too; nothing there is encrypted"},
};
constexpr OptionGroup kGroups[] = {{"Options", kOptions}, kRemoteGroup};
constexpr Example kExamples[] = {
    {.line = "cotter watch --config watch.toml", .help = "watch until SIGTERM"},
    {.line = "cotter watch --config watch.toml --check",
     .help = "is the configuration sound; looks at nothing"},
    {.line = "cotter watch --config watch.toml --once", .help = "one round, from cron"}};
constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "it watched until it was told to stop; with --once, no alert is open"},
    {Exit::kViolated, "with --once: an alert is open"},
    {Exit::kUsage, "the command line, the configuration, the policy or a file is not usable"},
    {Exit::kUndecided, "an address to listen on, or the state, is taken by another process"}};

}  // namespace

extern const Command kWatchCommand{
    .name = "watch",
    .summary = "watch servers for ever, and tell somebody when one is not as its policy has it",
    .description =
        "Looks at every address of every server again and again, holds what it presents against "
        "the policy and against what was there before, and tells each thing once: when it has "
        "held for long enough, when it gets worse, and when it is over. Alerts are named by the "
        "codes that 'cotter explain' knows.\n\n"
        "They go to Alertmanager, webhooks, Slack, PagerDuty, mail, a command or a file. What a "
        "sink does not take waits on disk and is sent again. /metrics, /probe, /livez and /readyz "
        "are on the admin socket. Agents in other places report to a collector, so that a proxy "
        "in one network is told from a change of the server.\n\n"
        "With --remote the policy comes from a signed repository, which is polled while it "
        "watches; "
        "the configuration's is the first one, and has the environment.\n\n"
        "SIGHUP reads the configuration again, and keeps the old one where something is wrong "
        "with the new. docs/watch.md has every key.",
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunWatch,
};

}  // namespace cotter::cli
