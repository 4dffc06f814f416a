// SPDX-License-Identifier: Apache-2.0
#include "cli/repo_actions.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/token_key.h"
#include "update/client.h"
#include "update/emergency_file.h"
#include "update/key_store.h"

namespace cotter::cli {
namespace {

namespace json = boost::json;

Result<std::size_t> NumberOf(Call call, const std::string& option) {
  const auto text = call.arguments.Value(option);
  if (!text) return std::size_t{1};
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error == std::errc() && end == text->data() + text->size() && number > 0) return number;
  return Error{Code::kUsage, "--" + option + ": expected a number above 0"};
}

Result<update::RoleSetup> SetupOf(Call call, std::string_view role) {
  update::RoleSetup setup;
  std::vector<std::string_view> files = call.arguments.Values(std::string(role) + "-key");
  if (role == "snapshot" || role == "timestamp") {
    const std::vector<std::string_view> online = call.arguments.Values("online-key");
    files.insert(files.end(), online.begin(), online.end());
  }
  for (const std::string_view file : files) {
    Result<update::NamedKey> key = update::ReadPublicKey(std::string(file));
    if (!key) return key.error();
    setup.keys.push_back(*std::move(key));
  }
  const Result<std::size_t> threshold = NumberOf(call, std::string(role) + "-threshold");
  if (!threshold) return threshold.error();
  setup.threshold = *threshold;
  return setup;
}

// Tell prints what came of an action, as JSON where that is asked for.
Exit Tell(Call call, json::object object, const std::string& text) {
  if (call.arguments.Has("json")) {
    call.output.Json(std::move(object));
  } else {
    call.output.Text(text);
  }
  return Exit::kSatisfied;
}

// A signer far away has the request and a key, and no repository.
Exit SignFarAway(Call call, const std::string& name) {
  const std::string path(*call.arguments.Value("request"));
  const auto output = call.arguments.Value("output");
  if (!output) return FailRepo({Code::kUsage, "--output FILE is missing"});
  const Result<base::FileImage> request = base::ReadFile(path, update::kMaxTargetsSize);
  if (!request) return FailRepo(request.error());
  const Result<update::PrivateKey> key = OpenSigningKey(call, name);
  if (!key) return FailRepo(key.error());
  const Result<update::SignatureFile> made = update::SignRequest(AsText(request->bytes()), *key);
  if (!made) return FailRepo(made.error());
  const std::string text = update::WriteSignatureFile(*made);
  if (Result<void> done = base::WriteFileAtomically(std::string(*output), AsBytes(text)); !done) {
    return FailRepo(done.error());
  }
  return Tell(call,
              {{"role", made->role}, {"version", made->version}, {"file", std::string(*output)}},
              made->role + " " + std::to_string(made->version) + "\n");
}

Exit AddSignature(Call call) {
  const std::string path(*call.arguments.Value("add"));
  const Result<base::FileImage> file = base::ReadFile(path, update::kMaxKeyFile);
  if (!file) return FailRepo(file.error());
  const Result<update::SignatureFile> signature = update::ReadSignatureFile(AsText(file->bytes()));
  if (!signature) return FailRepo(signature.error());
  Result<update::Repository> repository = update::Repository::Open(RepositoryPath(call));
  if (!repository) return FailRepo(repository.error());
  const Result<void> done = repository->AddSignature(*signature, base::Now());
  if (!done) return FailRepo(done.error());
  return Tell(call, {{"role", signature->role}, {"version", signature->version}},
              "added " + signature->role + " " + std::to_string(signature->version) + "\n");
}

json::array List(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

using KeyNames = std::map<std::string, std::string>;

// NamesOf is what the keys are called that may sign what waits.
json::object NamesOf(const update::RoleStatus& status, const KeyNames& names) {
  json::object object;
  for (const auto* ids : {&status.signers, &status.missing}) {
    for (const std::string& id : *ids) {
      if (const auto name = names.find(id); name != names.end()) object[id] = name->second;
    }
  }
  return object;
}

void PrintKeys(Call call, std::string_view what, const std::vector<std::string>& ids,
               const KeyNames& names) {
  for (const std::string& id : ids) {
    call.output.Text("  " + std::string(what) + " " + id);
    if (const auto name = names.find(id); name != names.end()) {
      call.output.Text("  ");
      call.output.Field(name->second);
    }
    call.output.Text("\n");
  }
}

json::object RoleObject(const update::RoleStatus& status, const KeyNames& names) {
  json::object object{{"role", status.role},
                      {"version", status.version},
                      {"expires", nullptr},
                      {"pending", nullptr},
                      {"threshold", status.threshold},
                      {"signed", List(status.signers)},
                      {"missing", List(status.missing)},
                      {"names", NamesOf(status, names)}};
  if (status.version > 0) object["expires"] = FormatTime(status.expires);
  if (status.pending > 0) object["pending"] = status.pending;
  return object;
}

void PrintRole(Call call, const update::RoleStatus& status, const KeyNames& names) {
  std::string line = status.role + "  ";
  line += status.version == 0 ? "not published"
                              : "version " + std::to_string(status.version) + " until " +
                                    FormatTime(status.expires);
  if (status.pending > 0) {
    line += ", version " + std::to_string(status.pending) + " waits: signed by " +
            std::to_string(status.signers.size()) + " of " + std::to_string(status.threshold);
  }
  call.output.Text(line + "\n");
  PrintKeys(call, "signed", status.signers, names);
  PrintKeys(call, "missing", status.missing, names);
}

}  // namespace

std::string RepositoryPath(Call call) {
  return std::string(call.arguments.Value("repo").value_or("repo"));
}

Exit FailRepo(const Error& error) {
  ReportError("repo", error);
  return ExitOf(error.code);
}

namespace {

// PathsOf is what a delegated role may speak for.
std::vector<std::string> PathsOf(Call call, std::string_view role) {
  if (role == update::kEmergencyRole) return {"*/emergency.json"};
  std::vector<std::string> paths;
  for (const std::string_view path : call.arguments.Values("target")) paths.emplace_back(path);
  return paths;
}

Result<std::vector<update::NamedKey>> ReadKeys(std::span<const std::string> files) {
  std::vector<update::NamedKey> keys;
  for (const std::string& file : files) {
    Result<update::NamedKey> key = update::ReadPublicKey(file);
    if (!key) return key.error();
    keys.push_back(*std::move(key));
  }
  return keys;
}

// MakeRole makes a role below targets, of the keys in `files`.
Result<void> MakeRole(Call call, update::Repository& repository, const std::string& role,
                      std::span<const std::string> files, std::size_t threshold) {
  Result<std::vector<update::NamedKey>> keys = ReadKeys(files);
  if (!keys) return keys.error();
  const update::RoleSetup setup{.keys = *std::move(keys), .threshold = threshold};
  if (role == update::kEmergencyRole && threshold < update::kMinApprovers) {
    return Error{Code::kUsage,
                 "clients take nothing of an emergency role of which one can sign "
                 "alone; expected a threshold of 2 at least"};
  }
  const std::vector<std::string> paths = PathsOf(call, role);
  if (paths.empty()) {
    return Error{Code::kUsage, role + " is a new role: --target PATH is what it may sign"};
  }
  return repository.DelegateTo(role, setup, paths, base::Now());
}

bool IsTopLevel(std::string_view role) {
  return std::find(std::begin(update::kRoles), std::end(update::kRoles), role) !=
         std::end(update::kRoles);
}

Result<void> AddKeys(Call call, update::Repository& repository) {
  const auto words = call.arguments.positionals();
  const std::string& role = words[1];
  if (!IsTopLevel(role) && !repository.DelegationOf(role)) {
    const bool emergency = role == update::kEmergencyRole;
    const Result<std::size_t> threshold =
        call.arguments.Has("threshold")
            ? NumberOf(call, "threshold")
            : Result<std::size_t>(emergency ? update::kMinApprovers : 1);
    if (!threshold) return threshold.error();
    return MakeRole(call, repository, role, words.subspan(2), *threshold);
  }
  const Result<std::vector<update::NamedKey>> keys = ReadKeys(words.subspan(2));
  return keys ? repository.AddKeys(role, *keys, base::Now()) : Result<void>(keys.error());
}

// NamesOfKeys is what the repository calls its keys, and what they are called in --keys, should it
// be older than that.
std::map<std::string, std::string> NamesOfKeys(Call call, const update::Repository& repository) {
  std::map<std::string, std::string> names = repository.KeyNames();
  const update::KeyStore store{std::string(call.arguments.Value("keys").value_or("keys"))};
  const Result<std::vector<update::NamedKey>> keys = store.List();
  if (!keys) return names;
  for (const update::NamedKey& key : *keys) names.emplace(key.keyid, key.name);
  return names;
}

}  // namespace

Exit InitRepository(Call call) {
  std::map<std::string, update::RoleSetup> roles;
  for (const std::string_view role : update::kRoles) {
    Result<update::RoleSetup> setup = SetupOf(call, role);
    if (!setup) return FailRepo(setup.error());
    roles.emplace(role, *std::move(setup));
  }
  {
    // Its lock is given back before ShowStatus takes it.
    Result<update::Repository> repository =
        update::Repository::Create(RepositoryPath(call), roles, base::Now());
    if (!repository) return FailRepo(repository.error());
    std::vector<std::string> files;
    for (const std::string_view file : call.arguments.Values("emergency-key")) {
      files.emplace_back(file);
    }
    if (!files.empty()) {
      const Result<std::size_t> threshold = call.arguments.Has("emergency-threshold")
                                                ? NumberOf(call, "emergency-threshold")
                                                : Result<std::size_t>(update::kMinApprovers);
      if (!threshold) return FailRepo(threshold.error());
      const std::string role(update::kEmergencyRole);
      if (Result<void> done = MakeRole(call, *repository, role, files, *threshold); !done) {
        return FailRepo(done.error());
      }
    }
  }
  return ShowStatus(call);
}

Exit ChangeKeys(Call call) {
  const auto words = call.arguments.positionals();
  const bool adds = words.front() == "add-key";
  if (words.size() < 3 || (!adds && words.size() != 3)) {
    return FailRepo({Code::kUsage, words.front() + ": expected ROLE, and FILE or KEYID"});
  }
  Result<update::Repository> repository = update::Repository::Open(RepositoryPath(call));
  if (!repository) return FailRepo(repository.error());
  const Result<void> done =
      adds ? AddKeys(call, *repository) : repository->RemoveKey(words[1], words[2], base::Now());
  if (!done) return FailRepo(done.error());
  ReportDone("the change waits for signatures; 'cotter repo status' says whose");
  return Tell(call, {{"action", words.front()}, {"role", words[1]}, {"waits", true}}, {});
}

Exit SignPending(Call call) {
  const auto words = call.arguments.positionals();
  if (call.arguments.Has("add")) return AddSignature(call);
  if (words.size() != 2)
    return FailRepo({Code::kUsage, words.front() + ": expected the name of one key"});
  if (call.arguments.Has("request")) return SignFarAway(call, words[1]);
  Result<update::Repository> repository = update::Repository::Open(RepositoryPath(call));
  if (!repository) return FailRepo(repository.error());
  const Result<update::PrivateKey> key = OpenSigningKey(call, words[1]);
  if (!key) return FailRepo(key.error());
  if (words.front() == "refresh") {
    if (Result<void> renewed = repository->Renew(base::Now()); !renewed) {
      return FailRepo(renewed.error());
    }
  }
  const Result<std::vector<std::string>> done = repository->Sign(*key, base::Now());
  if (!done) return FailRepo(done.error());
  std::string text;
  json::array array;
  for (const std::string& one : *done) {
    text += "signed " + one + "\n";
    array.emplace_back(one);
  }
  return Tell(call, {{"signed", std::move(array)}}, text);
}

Exit WriteRequest(Call call) {
  const auto words = call.arguments.positionals();
  const auto output = call.arguments.Value("output");
  if (words.size() != 2 || !output) {
    return FailRepo({Code::kUsage, "request: expected a role and --output FILE"});
  }
  const Result<update::Repository> repository = update::Repository::Open(RepositoryPath(call));
  if (!repository) return FailRepo(repository.error());
  const Result<std::string> request = repository->Request(words[1]);
  if (!request) return FailRepo(request.error());
  const Result<void> done = base::WriteFileAtomically(std::string(*output), AsBytes(*request));
  if (!done) return FailRepo(done.error());
  return Tell(call, {{"role", words[1]}, {"file", std::string(*output)}}, {});
}

Exit ShowStatus(Call call) {
  const Result<update::Repository> repository = update::Repository::Open(RepositoryPath(call));
  if (!repository) return FailRepo(repository.error());
  const Result<std::vector<update::RoleStatus>> roles = repository->Status();
  if (!roles) return FailRepo(roles.error());
  const KeyNames names = NamesOfKeys(call, *repository);
  if (call.arguments.Has("json")) {
    json::array array;
    for (const update::RoleStatus& status : *roles) array.push_back(RoleObject(status, names));
    call.output.Json({{"roles", std::move(array)}});
    return Exit::kSatisfied;
  }
  for (const update::RoleStatus& status : *roles) PrintRole(call, status, names);
  return Exit::kSatisfied;
}

Exit VerifyPublished(Call call) {
  const Result<void> done = update::VerifyFolder(RepositoryPath(call) + "/public", base::Now());
  if (!done) return FailRepo(done.error());
  return Tell(call, {{"verified", true}}, "verified\n");
}

}  // namespace cotter::cli
