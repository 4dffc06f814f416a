// SPDX-License-Identifier: Apache-2.0
//
// cotter emergency: what enough approvers say beside a policy, for a time.
#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/clock.h"
#include "cli/arguments.h"
#include "cli/emergency_view.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"
#include "policy/policy_file.h"
#include "update/emergency_file.h"
#include "update/repository.h"

namespace cotter::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kActions[] = {"suspend", "revoke", "add-pin", "list", "end"};
constexpr std::string_view kPlaces[] = {"any", "leaf", "ca"};

constexpr std::int64_t kHour = 3600;

Exit Fail(const Error& error) {
  ReportError("emergency", error);
  return ExitOf(error.code);
}

std::string TextOf(Call call, std::string_view option, std::string_view without = "") {
  return std::string(call.arguments.Value(option).value_or(without));
}

std::string EnvironmentOf(Call call) { return TextOf(call, "environment", "production"); }

std::string TargetOf(Call call) { return EnvironmentOf(call) + "/emergency.json"; }

Result<update::Repository> OpenRepository(Call call) {
  Result<update::Repository> repository = update::Repository::Open(TextOf(call, "repo", "repo"));
  if (repository && !repository->DelegationOf(update::kEmergencyRole)) {
    return Error{Code::kUsage,
                 "the repository has no emergency role; 'cotter repo add-key emergency FILE FILE' "
                 "makes one"};
  }
  return repository;
}

// Statements is the newest file, signed or not yet; one without statements where there is none.
Result<update::EmergencyFile> Statements(Call call, const update::Repository& repository) {
  const Result<std::optional<std::string>> text =
      repository.TargetOf(std::string(update::kEmergencyRole), TargetOf(call));
  if (!text) return text.error();
  if (*text) return update::ReadEmergencyFile(**text);
  update::EmergencyFile file;
  file.environment = EnvironmentOf(call);
  return file;
}

Result<Policy> PublishedPolicy(Call call, const update::Repository& repository) {
  const std::string path = EnvironmentOf(call) + "/policy.json";
  const Result<std::optional<std::string>> text = repository.Target(path);
  if (!text) return text.error();
  if (!*text) return Error{Code::kTargetUnknown, path + ": nothing is published"};
  return policy::ReadPolicy(**text, path);
}

// ApproversFor is how many have to sign `file`: more than the role's threshold where a statement of
// it leaves a rule without a pin; 0 where its own threshold will do.
std::size_t ApproversFor(const update::EmergencyFile& file, Policy policy, std::size_t threshold) {
  std::size_t needed = 0;
  for (const update::SignedStatement& statement : file.statements) {
    if (statement.what.kind != EmergencyKind::kRevoke) continue;
    if (update::NeedsWide(policy, statement.what.pin.digest)) {
      needed = std::max(threshold, update::kMinApprovers) + update::kWideMargin;
    }
    policy.emergency.push_back(statement.what);
  }
  return needed;
}

// Put makes the file wait for signatures, and records what was done.
Exit Put(Call call, update::Repository& repository, update::EmergencyFile file,
         update::JsonObject record, const std::string& id, Time now) {
  const Result<Policy> policy = PublishedPolicy(call, repository);
  if (!policy) return Fail(policy.error());
  const std::optional<update::Delegation> role = repository.DelegationOf(update::kEmergencyRole);
  const std::size_t approvers = ApproversFor(file, *policy, role->keys.threshold);
  ++file.version;
  Result<void> done = repository.SetTargetOf(
      std::string(update::kEmergencyRole), TargetOf(call), update::WriteEmergencyFile(file),
      static_cast<std::uint64_t>(file.version), approvers, now);
  if (!done) return Fail(done.error());
  const std::string& action = call.arguments.positionals().front();
  record.Set("event", {"emergency_" + (action == "add-pin" ? "add_pin" : action)});
  record.Set("environment", {EnvironmentOf(call)});
  record.Set("id", {id});
  record.Set("version", {file.version});
  if (done = repository.Log(std::move(record), now); !done) return Fail(done.error());
  const std::size_t needed = std::max({approvers, role->keys.threshold, update::kMinApprovers});
  if (call.arguments.Has("json")) {
    call.output.Json(json::object{{"id", id}, {"version", file.version}, {"approvers", needed}});
  } else {
    call.output.Field(id);
    call.output.Text(" waits for " + std::to_string(needed) +
                     " signatures; 'cotter repo status' says whose\n");
  }
  return Exit::kSatisfied;
}

// NewId is the day and a number that no statement of the file has.
std::string NewId(const update::EmergencyFile& file, Time now) {
  for (std::int64_t number = file.version + 1;; ++number) {
    std::string id = FormatDate(now) + "-" + std::to_string(number);
    const bool taken = std::any_of(
        file.statements.begin(), file.statements.end(),
        [&](const update::SignedStatement& statement) { return statement.what.id == id; });
    if (!taken) return id;
  }
}

Result<std::int64_t> HoursOf(Call call, std::int64_t without) {
  const auto text = call.arguments.Value("hours");
  if (!text) return without;
  std::int64_t hours = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), hours);
  if (error == std::errc() && end == text->data() + text->size() && hours > 0 && hours < 10'000) {
    return hours;
  }
  return Error{Code::kUsage, "--hours: expected a number above 0"};
}

Result<void> ReadPin(Call call, std::string_view text, Pin& pin) {
  const Result<Digest> digest = ParsePin(text);
  if (!digest) return digest.error();
  pin.digest = *digest;
  const std::string place = TextOf(call, "place", "any");
  pin.place = place == "leaf" ? PinPlace::kLeaf : place == "ca" ? PinPlace::kCa : PinPlace::kAny;
  return Ok();
}

// ReadRules is the rules that the words name, each of which `policy` has to have.
Result<void> ReadRules(Call call, const Policy& policy, std::vector<RuleName>& rules) {
  for (const std::string& word : call.arguments.positionals().subspan(1)) {
    Result<RuleName> name = ParseRuleName(word);
    if (!name) return name.error();
    const bool known = std::any_of(policy.hosts.begin(), policy.hosts.end(),
                                   [&](const HostRule& rule) { return Names(*name, rule); });
    if (!known) {
      return Error{Code::kEmergencyInvalid,
                   word + ": the published policy has no such rule; name it by its pattern"};
    }
    rules.push_back(*std::move(name));
  }
  return Ok();
}

Result<update::SignedStatement> ReadStatement(Call call, const Policy& policy, Time now) {
  const auto words = call.arguments.positionals();
  update::SignedStatement statement;
  EmergencyStatement& what = statement.what;
  statement.begins = now;
  what.reason = TextOf(call, "reason");
  what.ticket = TextOf(call, "ticket");
  if (what.reason.empty() || what.ticket.empty()) {
    return Error{Code::kEmergencyInvalid, words.front() + ": --reason and --ticket are compulsory"};
  }
  Result<void> read = Ok();
  if (words.front() == "revoke") {
    what.kind = EmergencyKind::kRevoke;
    if (words.size() != 2) return Error{Code::kUsage, "revoke: expected one pin"};
    read = ReadPin(call, words[1], what.pin);
    what.pin.place = PinPlace::kAny;
    if (!read) return read.error();
    return statement;
  }
  const bool adds = words.front() == "add-pin";
  what.kind = adds ? EmergencyKind::kAddPin : EmergencyKind::kSuspend;
  if (words.size() < 2) return Error{Code::kUsage, words.front() + ": expected one rule or more"};
  if (adds) {
    if (!call.arguments.Has("pin")) return Error{Code::kUsage, "add-pin: --pin PIN is missing"};
    read = ReadPin(call, *call.arguments.Value("pin"), what.pin);
  }
  if (read) read = ReadRules(call, policy, what.rules);
  if (!read) return read.error();
  const Result<std::int64_t> hours = HoursOf(call, adds ? 7 * 24 : 24);
  if (!hours) return hours.error();
  what.until = Time{now.unix_seconds + *hours * kHour};
  return statement;
}

Exit Add(Call call) {
  const Time now = base::Now();
  Result<update::Repository> repository = OpenRepository(call);
  if (!repository) return Fail(repository.error());
  const Result<Policy> policy = PublishedPolicy(call, *repository);
  if (!policy) return Fail(policy.error());
  Result<update::EmergencyFile> file = Statements(call, *repository);
  if (!file) return Fail(file.error());
  Result<update::SignedStatement> statement = ReadStatement(call, *policy, now);
  if (!statement) return Fail(statement.error());
  statement->what.id = TextOf(call, "id");
  if (statement->what.id.empty()) statement->what.id = NewId(*file, now);
  if (Result<void> good = update::CheckStatement(*statement); !good) return Fail(good.error());
  // What has ended makes room.
  std::erase_if(file->statements, [&](const update::SignedStatement& old) {
    return old.what.until && *old.what.until <= now;
  });
  for (const update::SignedStatement& old : file->statements) {
    if (old.what.id == statement->what.id) {
      return Fail({Code::kUsage, old.what.id + ": there is a statement with this id"});
    }
  }
  if (file->statements.size() >= kMaxEmergencyStatements) {
    return Fail({Code::kEmergencyInvalid, "there are as many statements as there may be"});
  }
  json::object shown = StatementObject(statement->what);
  const std::string id = statement->what.id;
  update::JsonObject record{{"reason", {statement->what.reason}},
                            {"ticket", {statement->what.ticket}}};
  if (shown.contains("pin")) record.Set("pin", {std::string(shown.at("pin").as_string())});
  if (statement->what.until) record.Set("ends", {FormatTime(*statement->what.until)});
  update::JsonArray rules;
  for (const RuleName& name : statement->what.rules) rules.push_back({FormatRuleName(name)});
  if (!rules.empty()) record.Set("rules", {std::move(rules)});
  file->statements.push_back(*std::move(statement));
  return Put(call, *repository, *std::move(file), std::move(record), id, now);
}

Exit End(Call call) {
  const auto words = call.arguments.positionals();
  if (words.size() != 2) return Fail({Code::kUsage, "end: expected the id of a statement"});
  const std::string reason = TextOf(call, "reason");
  const std::string ticket = TextOf(call, "ticket");
  if (reason.empty() || ticket.empty()) {
    return Fail({Code::kEmergencyInvalid, "end: --reason and --ticket are compulsory"});
  }
  Result<update::Repository> repository = OpenRepository(call);
  if (!repository) return Fail(repository.error());
  Result<update::EmergencyFile> file = Statements(call, *repository);
  if (!file) return Fail(file.error());
  const std::size_t before = file->statements.size();
  std::erase_if(file->statements, [&](const update::SignedStatement& statement) {
    return statement.what.id == words[1];
  });
  if (file->statements.size() == before) {
    return Fail({Code::kUsage, words[1] + ": there is no such statement"});
  }
  return Put(call, *repository, *std::move(file), {{"reason", {reason}}, {"ticket", {ticket}}},
             words[1], base::Now());
}

Exit List(Call call) {
  const Result<update::Repository> repository = OpenRepository(call);
  if (!repository) return Fail(repository.error());
  const Result<update::EmergencyFile> file = Statements(call, *repository);
  if (!file) return Fail(file.error());
  const Time now = base::Now();
  json::array statements;
  for (const update::SignedStatement& statement : file->statements) {
    const bool over = statement.what.until && *statement.what.until <= now;
    if (call.arguments.Has("json")) {
      json::object object = StatementObject(statement.what);
      object["begins"] = FormatTime(statement.begins);
      object["over"] = over;
      statements.push_back(std::move(object));
    } else {
      call.output.Field(StatementLine(statement.what) + (over ? ": over" : ""));
      call.output.Text("\n");
    }
  }
  for (const update::RefusedStatement& refused : file->refused) {
    ReportWarning(refused.error.message + ": clients refuse it");
  }
  if (call.arguments.Has("json")) call.output.Json({{"statements", std::move(statements)}});
  return Exit::kSatisfied;
}

Exit RunEmergency(Call call) {
  const std::string& action = call.arguments.positionals().front();
  if (action == "list") return List(call);
  return action == "end" ? End(call) : Add(call);
}

constexpr Argument kArguments[] = {
    {.name = "ACTION", .help = "what to do", .choices = kActions},
    {.name = "WORD",
     .help = "what the action takes, as below; a RULE is the pattern of one, or PATTERN:PORT",
     .count = Count::kAny}};

constexpr Action kActionLines[] = {
    {.line = "suspend RULE...", .help = "have rules report in place of enforcing, for hours"},
    {.line = "revoke PIN", .help = "distrust a key at once, in every path"},
    {.line = "add-pin RULE...", .help = "have rules take one key more, for days: --pin"},
    {.line = "list", .help = "what is said now"},
    {.line = "end ID", .help = "take a statement back"}};

constexpr Option kOptions[] = {
    {.name = "reason", .arg = "TEXT", .help = "why; compulsory, and shown by every client"},
    {.name = "ticket", .arg = "TEXT", .help = "where the rest is written down; compulsory"},
    {.name = "hours",
     .arg = "N",
     .help = "how long: suspend at most 72 (default 24), add-pin at most 720 (default 168)"},
    {.name = "pin", .arg = "PIN", .help = "add-pin: the key that is trusted beside the rule's own"},
    {.name = "place",
     .arg = "PLACE",
     .help = "add-pin: any (default), leaf or ca",
     .choices = kPlaces},
    {.name = "id",
     .arg = "ID",
     .help = "what the statement is called (default: the day, a number)"},
    {.name = "environment", .arg = "NAME", .help = "whose clients (default production)"},
    {.name = "repo",
     .arg = "DIR",
     .help = "the repository (default repo)",
     .complete = Complete::kDirectory},
    kJsonOption};

constexpr OptionGroup kGroups[] = {{.title = "Options", .options = kOptions}};

constexpr Example kExamples[] = {
    {.line = "cotter emergency suspend api.example.com --reason R --ticket OPS-17",
     .help = "the rule reports for a day, when two have signed"},
    {.line = "cotter emergency revoke sha256/... --reason stolen --ticket SEC-4",
     .help = "nobody with a network trusts the key any more"},
    {.line = "cotter repo sign alice", .help = "the first of the approvers"},
    {.line = "cotter emergency list", .help = "what is said now"},
    {.line = "cotter emergency end 2026-11-26-1 --reason mended --ticket OPS-17",
     .help = "take it back, signed as it was made"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "done"},
    {.code = Exit::kViolated, .meaning = "the statement is outside of what may be said"},
    {.code = Exit::kUsage, .meaning = "the command line or the repository is not usable"}};

}  // namespace

extern const Command kEmergencyCommand;
const Command kEmergencyCommand{
    .name = "emergency",
    .summary = "suspend rules, revoke a key or add a pin, for a time, beside the policy",
    .description =
        "The emergency role of a repository has keys of its own, and two of them at least sign "
        "each "
        "change; 'cotter repo add-key emergency FILE FILE' makes it. suspend has the named rules "
        "report in place of enforcing, for 72 hours at most. revoke distrusts a key at once and "
        "wins over everything; where it leaves a rule without a pin, one more has to sign. add-pin "
        "lets the named rules take one more key, for 30 days at most. PKI is verified under each. "
        "Clients hold these bounds themselves, show what is in force, and end it without a "
        "network.\n\n"
        "A revocation reaches a client with its next poll, a day after the timestamp at worst, and "
        "one without a network not at all.",
    .arguments = kArguments,
    .actions = kActionLines,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunEmergency};

}  // namespace cotter::cli
