// SPDX-License-Identifier: Apache-2.0
//
// cotter update: brings the policy of an environment from a signed repository.
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/clock.h"
#include "cli/arguments.h"
#include "cli/emergency_view.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/remote_options.h"
#include "cli/report.h"
#include "cli/safe_text.h"
#include "update/curl_fetcher.h"
#include "update/policy_update.h"

namespace cotter::cli {
namespace {

namespace json = boost::json;

std::string TextOf(const Arguments& arguments, std::string_view option) {
  return std::string(arguments.Value(option).value_or(""));
}

update::RemoteOptions ReadOptions(const Arguments& arguments) {
  update::RemoteOptions options;
  for (const std::string_view remote : arguments.Values("remote")) {
    options.remotes.emplace_back(remote);
  }
  options.environment = arguments.Value("environment").value_or("production");
  options.state = TextOf(arguments, "state");
  options.root_file = TextOf(arguments, "root");
  options.base_file = TextOf(arguments, "base");
  options.floor_file = TextOf(arguments, "floor");
  return options;
}

json::array NoticeArray(const std::vector<Error>& notices) {
  json::array array;
  for (const Error& notice : notices) {
    array.emplace_back(
        json::object{{"code", std::string(NameOf(notice.code))}, {"message", notice.message}});
  }
  return array;
}

void PrintEmergency(Call call, const std::vector<update::EmergencyView>& views) {
  for (const update::EmergencyView& view : views) {
    if (view.why) continue;  // among the notices
    call.output.Text("  ");
    call.output.Field(ViewLine(view));
    call.output.Text("\n");
  }
}

void PrintUpdated(Call call, const update::PolicyUpdated& updated) {
  if (call.arguments.Has("json")) {
    json::object object{{"outcome", updated.changed ? "updated" : "unchanged"},
                        {"policy", {{"name", updated.name}, {"version", updated.version}}},
                        {"before", nullptr},
                        {"file", updated.file},
                        {"expires", FormatTime(updated.expires)}};
    if (updated.before) object["before"] = *updated.before;
    json::array emergency;
    for (const update::EmergencyView& view : updated.emergency) {
      emergency.emplace_back(ViewObject(view));
    }
    object["emergency"] = std::move(emergency);
    object["notices"] = NoticeArray(updated.notices);
    call.output.Json(object);
    return;
  }
  for (const Error& notice : updated.notices) ReportWarning(notice.message);
  call.output.Field(updated.name.empty() ? "policy" : updated.name);
  call.output.Text(" version " + std::to_string(updated.version));
  if (!updated.changed) {
    call.output.Text(", unchanged\n");
  } else if (updated.before == updated.version) {
    call.output.Text(", and what stands beside it has changed\n");
  } else if (updated.before) {
    call.output.Text(", was " + std::to_string(*updated.before) + "\n");
  } else {
    call.output.Text(", the first\n");
  }
  PrintEmergency(call, updated.emergency);
}

// ShowStatus tells what is in force without asking the network, and changes nothing.
Exit ShowStatus(Call call) {
  const std::string state = TextOf(call.arguments, "state");
  const Result<update::StateView> view = update::ViewState(state, update::ReadClocks());
  if (!view) {
    ReportError("update", view.error());
    return ExitOf(view.error().code);
  }
  if (call.arguments.Has("json")) {
    json::array emergency;
    for (const update::EmergencyView& one : view->emergency) {
      emergency.emplace_back(ViewObject(one));
    }
    json::object object{{"policy", {{"name", view->name}, {"version", view->version}}},
                        {"environment", view->environment},
                        {"revision", view->revision},
                        {"file", state + "/policy.json"},
                        {"expires", nullptr},
                        {"emergency", std::move(emergency)},
                        {"notices", NoticeArray(view->notices)}};
    if (view->timestamp_expires) object["expires"] = FormatTime(*view->timestamp_expires);
    call.output.Json(object);
    return Exit::kSatisfied;
  }
  for (const Error& notice : view->notices) ReportWarning(notice.message);
  call.output.Field(view->name.empty() ? "policy" : view->name);
  call.output.Text(" version " + std::to_string(view->version));
  if (view->timestamp_expires) {
    call.output.Text(", heard of until " + FormatTime(*view->timestamp_expires));
  }
  call.output.Text("\n");
  PrintEmergency(call, view->emergency);
  return Exit::kSatisfied;
}

Exit PrintRejected(Call call, const update::UpdateRejected& rejected) {
  const std::string_view step = update::NameOf(rejected.step);
  if (call.arguments.Has("json")) {
    call.output.Json(json::object{{"outcome", "update_rejected"},
                                  {"step", std::string(step)},
                                  {"code", std::string(NameOf(rejected.error.code))},
                                  {"message", rejected.error.message},
                                  {"remote", rejected.remote}});
  } else {
    std::string where = "update rejected at step " + std::string(step);
    if (!rejected.remote.empty()) where += ", by " + rejected.remote;
    // The step is often the role that messages begin with: it is said once.
    std::string_view message = rejected.error.message;
    const std::string again = std::string(step) + ": ";
    while (message.starts_with(again)) message.remove_prefix(again.size());
    ReportError(where, Error{rejected.error.code, std::string(message)});
    if (rejected.error.code == Code::kFetchFailed && rejected.remote.starts_with("http://") &&
        !call.arguments.Has("insecure-remote-http")) {
      ReportHint("http:// has to be asked for, with --insecure-remote-http");
    }
  }
  return ExitOf(rejected.error.code) == Exit::kUsage && !rejected.remote.empty() &&
                 rejected.step != update::Step::kState
             ? Exit::kViolated  // what was offered is not usable: that is no fault of the caller's
             : ExitOf(rejected.error.code);
}

Exit RunUpdate(Call call) {
  if (!call.arguments.positionals().empty()) {
    if (call.arguments.Has("state")) return ShowStatus(call);
    ReportError("update: --state DIR is missing");
    ReportHint("'cotter help update' shows what it takes");
    return Exit::kUsage;
  }
  const update::RemoteOptions options = ReadOptions(call.arguments);
  if (options.remotes.empty() || options.state.empty()) {
    ReportError(options.state.empty() ? "update: --state DIR is missing"
                                      : "update: --remote URL is missing");
    ReportHint("'cotter help update' shows what it takes");
    return Exit::kUsage;
  }
  update::CurlFetcher fetcher(call.arguments.Has("insecure-remote-http")
                                  ? update::Cleartext::kInsecureAllow
                                  : update::Cleartext::kRefuse,
                              TextOf(call.arguments, "remote-cacert"));
  update::PolicyUpdate update(options);
  const auto done = update.Run(fetcher, base::Now());
  if (const auto* rejected = std::get_if<update::UpdateRejected>(&done)) {
    return PrintRejected(call, *rejected);
  }
  PrintUpdated(call, *std::get_if<update::PolicyUpdated>(&done));
  return Exit::kSatisfied;
}

constexpr std::string_view kActions[] = {"status"};

constexpr Argument kArguments[] = {{.name = "ACTION",
                                    .help = "status: tell what is in force, without a network",
                                    .count = Count::kOptional,
                                    .choices = kActions}};

constexpr Option kOptions[] = {
    {.name = "remote",
     .arg = "URL",
     .help = "the repository, metadata/ and targets/ below it; further ones are mirrors",
     .repeat = Repeat::kMany},
    {.name = "state",
     .arg = "DIR",
     .help = "keeps what is trusted, and policy.json",
     .complete = Complete::kDirectory},
    {.name = "root",
     .arg = "FILE",
     .help = "the root that the first run trusts; it came another way than the network",
     .complete = Complete::kFile},
    {.name = "environment", .arg = "NAME", .help = "what this client is (default production)"},
    {.name = "base",
     .arg = "FILE",
     .help = "a policy that came with the program, until a signed one is there",
     .complete = Complete::kFile},
    kFloorOption,
    kJsonOption};

constexpr Option kChannelOptions[] = {
    {.name = "remote-cacert",
     .arg = "FILE",
     .help = "trust these roots for the channel, in place of the system's",
     .complete = Complete::kFile,
     .older = "cacert"},
    {.name = "insecure-remote-http",
     .help = "insecure: allow http://: signatures hold, but who reads along sees what is fetched",
     .older = "insecure-http"}};

constexpr OptionGroup kGroups[] = {{.title = "Options", .options = kOptions},
                                   {.title = "Channel", .options = kChannelOptions}};

constexpr Example kExamples[] = {
    {.line = "cotter update --remote https://pins.example.com --state pins --root root.json",
     .help = "the first run, and every other: root.json is read when the state is empty"},
    {.line = "cotter update --remote https://pins.example.com --state pins --json",
     .help = "from a timer"},
    {.line = "cotter update status --state pins",
     .help = "what is in force, emergency statements among it"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "the newest policy is in force, changed or not"},
    {.code = Exit::kViolated, .meaning = "the update was rejected; the policy is as it was"},
    {.code = Exit::kUsage, .meaning = "an option, the first root or the state is not usable"},
    {.code = Exit::kUndecided,
     .meaning = "the repository is out of reach; the policy is as it was"}};

}  // namespace

extern const Command kUpdateCommand;
const Command kUpdateCommand{
    .name = "update",
    .summary = "bring the policy up to date from a signed repository",
    .description =
        "Follows The Update Framework: a chain of roots, a timestamp against withholding, a "
        "snapshot against mixing, and targets signed by as many people as the root says. "
        "STATE/policy.json is replaced, whole, when a policy with a higher version is there for "
        "the environment; commands that follow the file with --policy enforce it from then on.\n\n"
        "Whatever fails, the policy is as it was: no failed update loosens anything. The channel "
        "is verified by public roots and not by the policy that it carries.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunUpdate};

}  // namespace cotter::cli
