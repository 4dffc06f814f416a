// SPDX-License-Identifier: Apache-2.0
//
// What goes into a repository as a policy, and the guards before it.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <system_error>

#include "base/clock.h"
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/lint_live.h"
#include "cli/output.h"
#include "cli/repo_actions.h"
#include "cli/report.h"
#include "policy/lint.h"
#include "policy/policy_diff.h"
#include "policy/policy_file.h"
#include "policy/policy_json.h"
#include "update/delegate.h"

namespace cotter::cli {
namespace {

// An environment is a folder's name in URLs.
bool IsEnvironment(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string TargetOf(std::string_view environment) {
  return std::string(environment) + "/policy.json";
}

Result<std::optional<Policy>> Published(const update::Repository& repository,
                                        std::string_view environment) {
  const Result<std::optional<std::string>> text = repository.Target(TargetOf(environment));
  if (!text) return text.error();
  if (!*text) return std::optional<Policy>();
  Result<Policy> policy = policy::ReadPolicy(**text, TargetOf(environment));
  if (!policy) return policy.error();
  return std::optional<Policy>(*std::move(policy));
}

// What lint calls a warning, and what locks clients out of a fleet that updates by this repository.
bool IsLockOut(Code code) {
  return code == Code::kNoBackupPin || code == Code::kSinglePin || code == Code::kBackupServed;
}

// Reason speaks against publishing.
struct Reason {
  Code code;
  std::string words;
};

void AddLintFindings(const Policy& policy, std::span<const policy::LiveServer> live, Time now,
                     std::vector<Reason>& reasons) {
  for (const policy::Finding& finding :
       policy::Lint({.policy = policy, .live = live, .now = now})) {
    if (finding.severity != policy::Severity::kError && !IsLockOut(finding.code)) continue;
    reasons.push_back({finding.code, (finding.rule.empty() ? "" : finding.rule + ": ") +
                                         std::string(NameOf(finding.code)) + ": " +
                                         finding.message});
  }
}

// WhyNot is every reason not to publish `policy` in the place of `before`.
Result<std::vector<Reason>> WhyNot(Call call, const Policy& policy,
                                   const std::optional<Policy>& before, Time now) {
  std::vector<Reason> reasons;
  const Result<ConnectionOptions> options = ParseConnectionOptions(call.arguments);
  if (!options) return options.error();
  const Result<LiveView> view = LookAtPolicy(policy, *options, now);
  if (!view) return view.error();
  for (const Error& failure : view->failures)
    reasons.push_back({failure.code, "not proven live: " + failure.message});
  AddLintFindings(policy, view->servers, now, reasons);
  if (!before) return reasons;
  const Result<std::vector<policy::Difference>> differences =
      policy::ComparePolicies(*before, policy);
  if (!differences) return differences.error();
  for (const policy::Difference& one : *differences) {
    if (one.effect == policy::Effect::kLockedOut)
      reasons.push_back({Code::kPinMismatch, one.hosts + ": " + one.words});
  }
  return reasons;
}

// AddDelegateFindings adds every team whose published rules clients would no longer take all of
// beside `policy`. Their owners publish anew first, or know of it.
Result<void> AddDelegateFindings(const update::Repository& repository, const Policy& policy,
                                 std::vector<Reason>& reasons) {
  Policy together = policy;
  for (const Delegate& delegate : policy.delegates) {
    if (!repository.DelegationOf(delegate.name)) continue;
    const Result<std::optional<std::string>> text =
        repository.TargetOf(delegate.name, delegate.target);
    if (!text) return text.error();
    if (!*text) continue;
    const Result<void> kept = update::KeepRules(together, delegate, policy.environment, **text);
    if (kept) continue;
    reasons.push_back(
        {kept.error().code, "the published rules of delegate " + kept.error().message});
  }
  return Ok();
}

// AddWithdrawals adds every delegate of `before` that `policy` has no longer.
Result<void> AddWithdrawals(const update::Repository& repository, const Policy& policy,
                            const Policy& before, std::vector<Reason>& reasons) {
  for (const Delegate& delegate : before.delegates) {
    const bool stays = std::ranges::any_of(policy.delegates, [&](const Delegate& other) {
      return other.name == delegate.name && other.target == delegate.target;
    });
    if (stays || !repository.DelegationOf(delegate.name)) continue;
    const Result<std::optional<std::string>> text =
        repository.TargetOf(delegate.name, delegate.target);
    if (!text) return text.error();
    if (!*text) continue;
    reasons.push_back(
        {Code::kDelegateRefused,
         "the published rules of delegate " + delegate.name +
             ": the policy no longer lists it, so its hosts are not pinned any more"});
  }
  return Ok();
}

// Guard lets a policy through that nothing speaks against, or that somebody answers for.
Result<void> Guard(Call call, const update::Repository& repository, const Policy& policy,
                   const std::optional<Policy>& before, Time now) {
  const auto override_reason = call.arguments.Value("override");
  Result<std::vector<Reason>> reasons = WhyNot(call, policy, before, now);
  if (!reasons) return reasons.error();
  if (Result<void> read = AddDelegateFindings(repository, policy, *reasons); !read) return read;
  if (before) {
    Result<void> read = AddWithdrawals(repository, policy, *before, *reasons);
    if (!read) return read;
  }
  if (reasons->empty()) return Ok();
  for (const Reason& reason : *reasons) ReportWarning(reason.words);
  if (!override_reason || override_reason->empty()) {
    // What is known to be wrong goes before what could not be told.
    const auto known = std::find_if(reasons->begin(), reasons->end(), [](const Reason& reason) {
      return ExitOf(reason.code) == Exit::kViolated;
    });
    const Reason& worst = known == reasons->end() ? reasons->front() : *known;
    return Error{worst.code, "not published: " + std::to_string(reasons->size()) +
                                 (reasons->size() == 1 ? " reason speaks" : " reasons speak") +
                                 " against it, above; --override REASON takes the blame"};
  }
  update::JsonArray list;
  for (const Reason& reason : *reasons) list.push_back({reason.words});
  return repository.Log({{"event", {std::string("override")}},
                         {"environment", {policy.environment}},
                         {"version", {static_cast<std::int64_t>(policy.version)}},
                         {"reason", {std::string(*override_reason)}},
                         {"against", {std::move(list)}}},
                        now);
}

Error VersionTooLow(const Policy& before) {
  return {Code::kPolicyRollback,
          "expected a version above " + std::to_string(before.version) +
              ", which is published or waits for signatures: raise it in the "
              "policy"};
}

Exit TellWaits(Call call, const std::string& target, std::uint64_t version) {
  if (call.arguments.Has("json")) {
    call.output.Json({{"target", target}, {"version", version}, {"waits", true}});
    return Exit::kSatisfied;
  }
  call.output.Field(target);
  call.output.Text(" version " + std::to_string(version) + " waits for signatures\n");
  return Exit::kSatisfied;
}

Exit Publish(Call call, update::Repository& repository, const Policy& policy) {
  const Time now = base::Now();
  if (!policy.emergency.empty() || policy.revision != 0) {
    return FailRepo({Code::kPolicyInvalid,
                     "emergency statements and a revision are no part of a "
                     "policy; 'cotter emergency' makes statements"});
  }
  if (!IsEnvironment(policy.environment)) {
    return FailRepo({Code::kPolicyInvalid,
                     "the policy's environment is not a name of lower-case "
                     "letters, digits, \"-\" and \"_\""});
  }
  const Result<std::optional<Policy>> before = Published(repository, policy.environment);
  if (!before) return FailRepo(before.error());
  if (*before && policy.version <= (*before)->version) {
    return FailRepo(VersionTooLow(**before));
  }
  if (Result<void> good = Guard(call, repository, policy, *before, now); !good) {
    return FailRepo(good.error());
  }
  const std::string content = policy::WritePolicyJson(policy);
  if (content.size() > policy::kMaxPolicyJsonSize) {
    return FailRepo({Code::kPolicyTooLarge, "clients take no policy of that size"});
  }
  Result<void> done =
      repository.SetTarget(TargetOf(policy.environment), content, policy.version, now);
  if (done) {
    done = repository.Log({{"event", {call.arguments.positionals().front()}},
                           {"environment", {policy.environment}},
                           {"version", {static_cast<std::int64_t>(policy.version)}}},
                          now);
  }
  if (!done) return FailRepo(done.error());
  return TellWaits(call, TargetOf(policy.environment), policy.version);
}

// DelegateNamed is the delegate `name` of the environment's published policy.
Result<Delegate> DelegateNamed(const Policy& policy, std::string_view name) {
  for (const Delegate& delegate : policy.delegates) {
    if (delegate.name == name) return delegate;
  }
  return Error{Code::kDelegateRefused, "the published policy has no delegate " + std::string(name) +
                                           "; its owners add a [[delegate]]"};
}

// PublishForDelegate publishes the rules of a team, which the environment's policy lets speak for
// some hosts.
Exit PublishForDelegate(Call call, update::Repository& repository, const Policy& policy) {
  const Time now = base::Now();
  const Result<std::optional<Policy>> whole = Published(repository, policy.environment);
  if (!whole) return FailRepo(whole.error());
  if (!*whole) return FailRepo({Code::kTargetUnknown, "the environment has no policy"});
  const Result<Delegate> delegate = DelegateNamed(**whole, *call.arguments.Value("delegate"));
  if (!delegate) return FailRepo(delegate.error());
  const std::string content = policy::WritePolicyJson(policy);
  Result<Policy> theirs = update::ReadDelegate(*delegate, policy.environment, content);
  if (!theirs) return FailRepo(theirs.error());
  Policy together = **whole;
  if (Result<void> added = update::AddRules(together, *delegate, *theirs); !added) {
    return FailRepo(added.error());
  }
  const Result<std::optional<std::string>> text =
      repository.TargetOf(delegate->name, delegate->target);
  if (!text) return FailRepo(text.error());
  std::optional<Policy> before;
  if (*text) {
    Result<Policy> read = policy::ReadPolicy(**text, delegate->target);
    if (!read) return FailRepo(read.error());
    before = *std::move(read);
    if (policy.version <= before->version) {
      return FailRepo(VersionTooLow(*before));
    }
  }
  if (Result<void> good = Guard(call, repository, policy, before, now); !good) {
    return FailRepo(good.error());
  }
  Result<void> done =
      repository.SetTargetOf(delegate->name, delegate->target, content, policy.version, 0, now);
  if (done) {
    done = repository.Log({{"event", {std::string("publish")}},
                           {"delegate", {delegate->name}},
                           {"environment", {policy.environment}},
                           {"version", {static_cast<std::int64_t>(policy.version)}}},
                          now);
  }
  if (!done) return FailRepo(done.error());
  return TellWaits(call, delegate->target, policy.version);
}

Result<std::uint64_t> ParseVersion(std::string_view text) {
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error == std::errc() && end == text.data() + text.size()) return version;
  return Error{Code::kUsage, "expected a version, found " + std::string(text)};
}

// FindOld is the policy of `version` among the files that were ever published.
Result<Policy> FindOld(const update::Repository& repository, const std::string& environment,
                       std::uint64_t version) {
  const std::string folder = repository.PublicFolder() + "/targets/" + environment;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const Result<base::FileImage> file =
        base::ReadFile(at->path().string(), policy::kMaxPolicyJsonSize);
    if (!file) continue;
    Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), at->path().string());
    if (policy && policy->version == version && policy->environment == environment) {
      return policy;
    }
  }
  return Error{Code::kTargetUnknown, folder + " holds no version " + std::to_string(version)};
}

}  // namespace

Exit PublishPolicy(Call call) {
  const auto words = call.arguments.positionals();
  if (words.size() != 2) return FailRepo({Code::kUsage, "publish: expected a policy file"});
  const Result<base::FileImage> file = base::ReadFile(words[1], policy::kMaxPolicyFileSize);
  if (!file) return FailRepo(file.error());
  const Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), words[1]);
  if (!policy) return FailRepo(policy.error());
  Result<update::Repository> repository = update::Repository::Open(RepositoryPath(call));
  if (!repository) return FailRepo(repository.error());
  return call.arguments.Has("delegate") ? PublishForDelegate(call, *repository, *policy)
                                        : Publish(call, *repository, *policy);
}

Exit PromotePolicy(Call call) {
  const auto words = call.arguments.positionals();
  if (words.size() != 3) return FailRepo({Code::kUsage, "promote: expected two environments"});
  Result<update::Repository> repository = update::Repository::Open(RepositoryPath(call));
  if (!repository) return FailRepo(repository.error());
  Result<std::optional<Policy>> from = Published(*repository, words[1]);
  if (!from) return FailRepo(from.error());
  if (!*from) return FailRepo({Code::kTargetUnknown, words[1] + " has no policy"});
  const Result<std::optional<Policy>> to = Published(*repository, words[2]);
  if (!to) return FailRepo(to.error());
  Policy policy = **from;
  policy.environment = words[2];
  policy.version = std::max(policy.version, *to ? (*to)->version + 1 : 1);
  return Publish(call, *repository, policy);
}

Exit RollPolicyBack(Call call) {
  const auto words = call.arguments.positionals();
  if (words.size() != 3 || !IsEnvironment(words[1])) {
    return FailRepo({Code::kUsage, "rollback: expected an environment and a version"});
  }
  const Result<std::uint64_t> version = ParseVersion(words[2]);
  if (!version) return FailRepo(version.error());
  Result<update::Repository> repository = update::Repository::Open(RepositoryPath(call));
  if (!repository) return FailRepo(repository.error());
  const Result<std::optional<Policy>> current = Published(*repository, words[1]);
  if (!current) return FailRepo(current.error());
  if (!*current) return FailRepo({Code::kTargetUnknown, words[1] + " has no policy"});
  Result<Policy> policy = FindOld(*repository, words[1], *version);
  if (!policy) return FailRepo(policy.error());
  policy->version = (*current)->version + 1;
  return Publish(call, *repository, *policy);
}

}  // namespace cotter::cli
