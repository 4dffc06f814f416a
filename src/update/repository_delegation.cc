// SPDX-License-Identifier: Apache-2.0
//
// Roles that targets delegates to: the emergency role, and the teams with policies of their own.
#include <algorithm>
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/file.h"
#include "base/sha256.h"
#include "update/client.h"
#include "update/names.h"
#include "update/path_pattern.h"
#include "update/repository.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

// A role's name is part of file names and URLs.
bool IsRoleName(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  return !name.empty() && name.size() <= 64 && name.front() != '-' &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool IsTopLevel(std::string_view role) {
  return std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles);
}

JsonObject ObjectAt(const JsonObject& from, std::string_view key) {
  const JsonValue* value = from.Find(key);
  return value != nullptr && value->object() != nullptr ? *value->object() : JsonObject();
}

JsonArray ArrayAt(const JsonObject& from, std::string_view key) {
  const JsonValue* value = from.Find(key);
  return value != nullptr && value->array() != nullptr ? *value->array() : JsonArray();
}

std::string TextAt(const JsonObject& from, std::string_view key) {
  const JsonValue* value = from.Find(key);
  return value != nullptr && value->text() != nullptr ? *value->text() : std::string();
}

bool Holds(const JsonArray& texts, std::string_view text) {
  return std::any_of(texts.begin(), texts.end(), [text](const JsonValue& value) {
    return value.text() != nullptr && *value.text() == text;
  });
}

// DropUnusedKeys takes keys that no delegation names out of `delegations`.
void DropUnusedKeys(JsonObject& delegations) {
  JsonObject keys;
  const JsonArray roles = ArrayAt(delegations, "roles");
  const JsonObject all = ObjectAt(delegations, "keys");
  for (const JsonMember& key : all.members()) {
    const bool used = std::any_of(roles.begin(), roles.end(), [&](const JsonValue& role) {
      return Holds(ArrayAt(*role.object(), "keyids"), key.key);
    });
    if (used) keys.Set(key.key, key.value);
  }
  delegations.Set("keys", {std::move(keys)});
}

}  // namespace

std::optional<Delegation> Repository::DelegationOf(std::string_view role) const {
  for (const auto* files : {&published_, &pending_}) {
    const auto file = files->find("targets");
    if (file == files->end()) continue;
    const Result<Targets> targets = ReadTargets(file->second.raw);
    if (!targets) continue;
    for (const Delegation& delegation : targets->delegations) {
      if (delegation.name == role) return delegation;
    }
  }
  return std::nullopt;
}

std::size_t Repository::NeededFor(const Delegation& delegation) const {
  std::size_t needed = delegation.keys.threshold;
  const auto waiting = pending_.find(delegation.name);
  if (waiting == pending_.end()) return needed;
  const Result<Targets> targets = ReadTargets(waiting->second.raw);
  if (!targets) return needed;
  for (const auto& [path, info] : targets->targets) {
    const JsonObject* custom = info.custom.object();
    const JsonValue* value = custom == nullptr ? nullptr : custom->Find("approvers");
    if (value == nullptr || value->integer() == nullptr || *value->integer() < 0) continue;
    needed = std::max(needed, static_cast<std::size_t>(*value->integer()));
  }
  return needed;
}

std::vector<std::string> Repository::Delegated() const {
  std::vector<std::string> names;
  for (const auto* files : {&published_, &pending_}) {
    const auto file = files->find("targets");
    if (file == files->end()) continue;
    const Result<Targets> targets = ReadTargets(file->second.raw);
    if (!targets) continue;
    for (const Delegation& delegation : targets->delegations) {
      if (std::find(names.begin(), names.end(), delegation.name) == names.end()) {
        names.push_back(delegation.name);
      }
    }
  }
  return names;
}

std::vector<std::string> Repository::Roles() const {
  std::vector<std::string> roles{"root", "targets"};
  const std::vector<std::string> delegated = Delegated();
  roles.insert(roles.end(), delegated.begin(), delegated.end());
  roles.insert(roles.end(), {"snapshot", "timestamp"});
  return roles;
}

// TargetsBody is the newest metadata of `role`, pending or published, to be changed.
JsonObject Repository::TargetsBody(const std::string& role) const {
  for (const auto* files : {&pending_, &published_}) {
    const auto file = files->find(role);
    if (file != files->end()) return *file->second.body.object();
  }
  return {{"_type", {std::string("targets")}},
          {"spec_version", {std::string("1.0.31")}},
          {"targets", {JsonObject()}}};
}

Result<void> Repository::DelegateTo(const std::string& role, const RoleSetup& setup,
                                    const std::vector<std::string>& paths, Time now) {
  if (!IsRoleName(role) || IsTopLevel(role)) {
    return Error{Code::kUsage, "a role's name has lower-case letters, digits, \"-\" and \"_\""};
  }
  if (DelegationOf(role)) return Error{Code::kUsage, "there is a role " + role + " already"};
  if (paths.empty() || setup.threshold == 0 || setup.keys.size() < setup.threshold) {
    return Error{Code::kUsage, role + " has " + std::to_string(setup.keys.size()) + " keys for " +
                                   std::to_string(paths.size()) + " paths, and " +
                                   std::to_string(setup.threshold) + " have to sign"};
  }
  JsonObject body = TargetsBody("targets");
  JsonObject delegations = ObjectAt(body, "delegations");
  JsonObject keys = ObjectAt(delegations, "keys");
  JsonArray ids;
  for (const NamedKey& key : setup.keys) {
    if (Holds(ids, key.keyid)) return Error{Code::kUsage, key.name + " is given twice"};
    ids.push_back({key.keyid});
    keys.Set(key.keyid, key.key);
  }
  JsonArray patterns;
  for (const std::string& path : paths) patterns.push_back({path});
  JsonArray roles = ArrayAt(delegations, "roles");
  roles.push_back({JsonObject{{"name", {role}},
                              {"keyids", {std::move(ids)}},
                              {"threshold", {static_cast<std::int64_t>(setup.threshold)}},
                              {"terminating", {true}},
                              {"paths", {std::move(patterns)}}}});
  delegations.Set("keys", {std::move(keys)});
  delegations.Set("roles", {std::move(roles)});
  body.Set("delegations", {std::move(delegations)});
  if (Result<void> done = Remember(setup.keys); !done) return done;
  return Propose("targets", std::move(body), now);
}

// ChangeRoleKeys adds keys to a delegated role, or removes the one with the id `remove`.
Result<void> Repository::ChangeRoleKeys(const std::string& role, std::span<const NamedKey> added,
                                        std::string_view remove, Time now) {
  JsonObject body = TargetsBody("targets");
  JsonObject delegations = ObjectAt(body, "delegations");
  JsonArray roles = ArrayAt(delegations, "roles");
  const auto found = std::find_if(roles.begin(), roles.end(), [&](const JsonValue& value) {
    return TextAt(*value.object(), "name") == role;
  });
  if (found == roles.end()) return Error{Code::kUsage, "there is no role " + role};
  JsonObject entry = *found->object();
  JsonArray ids = ArrayAt(entry, "keyids");
  if (remove.empty()) {
    JsonObject keys = ObjectAt(delegations, "keys");
    for (const NamedKey& key : added) {
      if (Holds(ids, key.keyid)) {
        return Error{Code::kUsage, role + " has the key " + key.name + " already"};
      }
      ids.push_back({key.keyid});
      keys.Set(key.keyid, key.key);
    }
    delegations.Set("keys", {std::move(keys)});
    if (Result<void> done = Remember(added); !done) return done;
  } else {
    const std::size_t before = ids.size();
    std::erase_if(ids, [&](const JsonValue& id) { return *id.text() == remove; });
    if (ids.size() == before) {
      return Error{Code::kUsage, role + " has no key " + std::string(remove)};
    }
    if (static_cast<std::int64_t>(ids.size()) < *entry.Find("threshold")->integer()) {
      return Error{Code::kUsage, role + " would have fewer keys than have to sign: add one first"};
    }
  }
  entry.Set("keyids", {std::move(ids)});
  *found = {std::move(entry)};
  delegations.Set("roles", {std::move(roles)});
  DropUnusedKeys(delegations);
  body.Set("delegations", {std::move(delegations)});
  return Propose("targets", std::move(body), now);
}

Result<void> Repository::PutTarget(const std::string& role, const std::string& path,
                                   std::string_view content, JsonObject custom, Time now) {
  const std::string hash = EncodeHex(base::Sha256(AsBytes(content)).bytes);
  const std::string file = TargetUrl(PublicFolder() + "/targets", path, hash);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  if (error) return Error{Code::kFileUnreadable, file + ": " + error.message()};
  if (Result<void> done = base::WriteFileAtomically(file, AsBytes(content)); !done) return done;
  JsonObject body = TargetsBody(role);
  JsonObject targets = ObjectAt(body, "targets");
  targets.Set(path, {JsonObject{{"length", {static_cast<std::int64_t>(content.size())}},
                                {"hashes", {JsonObject{{"sha256", {hash}}}}},
                                {"custom", {std::move(custom)}}}});
  body.Set("targets", {std::move(targets)});
  return Propose(role, std::move(body), now);
}

Result<void> Repository::SetTarget(const std::string& path, std::string_view content,
                                   std::uint64_t policy_version, Time now) {
  return PutTarget("targets", path, content,
                   {{"version", {static_cast<std::int64_t>(policy_version)}}}, now);
}

Result<void> Repository::SetTargetOf(const std::string& role, const std::string& path,
                                     std::string_view content, std::uint64_t version,
                                     std::size_t approvers, Time now) {
  const std::optional<Delegation> delegation = DelegationOf(role);
  if (!delegation) return Error{Code::kUsage, "there is no role " + role};
  const bool covered =
      std::any_of(delegation->paths.begin(), delegation->paths.end(),
                  [&](const std::string& pattern) { return PathMatches(pattern, path); });
  if (!covered) return Error{Code::kUsage, role + " may not speak for " + path};
  if (approvers > delegation->keys.keyids.size()) {
    return Error{Code::kUsage, role + " has " + std::to_string(delegation->keys.keyids.size()) +
                                   " keys, and " + std::to_string(approvers) + " have to sign"};
  }
  JsonObject custom{{"version", {static_cast<std::int64_t>(version)}}};
  if (approvers > 0) custom.Set("approvers", {static_cast<std::int64_t>(approvers)});
  return PutTarget(role, path, content, std::move(custom), now);
}

Result<std::optional<std::string>> Repository::Target(const std::string& path) const {
  return TargetOf("targets", path);
}

Result<std::optional<std::string>> Repository::TargetOf(const std::string& role,
                                                        const std::string& path) const {
  for (const auto* files : {&pending_, &published_}) {
    const auto found = files->find(role);
    if (found == files->end()) continue;
    const Result<Targets> targets = ReadTargets(found->second.raw);
    if (!targets) return targets.error();
    const auto target = targets->targets.find(path);
    if (target == targets->targets.end()) continue;
    const std::string file =
        TargetUrl(PublicFolder() + "/targets", path, target->second.hashes.front().hex);
    const Result<base::FileImage> content = base::ReadFile(file, kMaxTargetSize);
    if (!content) return content.error();
    if (Result<void> right = VerifyContent(AsText(content->bytes()), target->second); !right) {
      return Error{right.error().code, file + ": " + right.error().message};
    }
    return std::optional<std::string>(AsText(content->bytes()));
  }
  return std::optional<std::string>();
}

}  // namespace cotter::update
