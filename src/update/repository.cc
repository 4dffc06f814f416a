// SPDX-License-Identifier: Apache-2.0
#include "update/repository.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/file.h"
#include "base/sha256.h"
#include "update/client.h"
#include "update/names.h"
#include "update/repository_files.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

constexpr std::string_view kSpecification = "1.0.31";

std::int64_t LifetimeOf(const std::string& role) {
  if (role == "root") return kRootLifetime;
  if (role == "snapshot") return kSnapshotLifetime;
  return role == "timestamp" ? kTimestampLifetime : kTargetsLifetime;
}

JsonObject NewBody(const std::string& role) {
  return {{"_type", {role}}, {"spec_version", {std::string(kSpecification)}}};
}

// FileEntry is what one metadata file says of another.
JsonValue FileEntry(const Envelope& file) {
  return {JsonObject{
      {"version", {file.version}},
      {"length", {static_cast<std::int64_t>(file.raw.size())}},
      {"hashes", {JsonObject{{"sha256", {EncodeHex(base::Sha256(AsBytes(file.raw)).bytes)}}}}}}};
}

JsonObject ObjectAt(const JsonObject& from, std::string_view key) {
  const JsonValue* value = from.Find(key);
  return value != nullptr && value->object() != nullptr ? *value->object() : JsonObject();
}

Result<JsonObject> RoleObject(const RoleSetup& setup, const std::string& role) {
  if (setup.threshold == 0 || setup.keys.size() < setup.threshold) {
    return Error{Code::kUsage, role + " has " + std::to_string(setup.keys.size()) + " keys, and " +
                                   std::to_string(setup.threshold) + " have to sign; --" + role +
                                   "-key names one"};
  }
  JsonArray ids;
  for (const NamedKey& key : setup.keys) ids.push_back({key.keyid});
  return JsonObject{{"keyids", {std::move(ids)}},
                    {"threshold", {static_cast<std::int64_t>(setup.threshold)}}};
}

Result<void> MakeFolders(const std::string& path) {
  for (const std::string& folder :
       {path + "/pending", path + "/public/metadata", path + "/public/targets"}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return Error{Code::kFileUnreadable, folder + ": " + error.message()};
  }
  return Ok();
}

}  // namespace

Repository::Repository(std::string path, MetadataStore pending)
    : path_(std::move(path)), store_(std::move(pending)) {}

Result<Repository> Repository::Create(const std::string& path,
                                      const std::map<std::string, RoleSetup>& roles, Time now) {
  JsonObject body = NewBody("root");
  JsonObject keys;
  JsonObject members;
  for (const std::string_view name : kRoles) {
    const std::string role(name);
    const auto setup = roles.find(role);
    if (setup == roles.end()) return Error{Code::kUsage, role + " has no key"};
    Result<JsonObject> object = RoleObject(setup->second, role);
    if (!object) return object.error();
    members.Set(role, {*std::move(object)});
    for (const NamedKey& key : setup->second.keys) keys.Set(key.keyid, key.key);
  }
  body.Set("consistent_snapshot", {true});
  body.Set("keys", {std::move(keys)});
  body.Set("roles", {std::move(members)});
  if (Result<void> made = MakeFolders(path); !made) return made.error();
  Result<MetadataStore> store = MetadataStore::Open(path + "/pending");
  if (!store) return store.error();
  Repository repository(path, *std::move(store));
  if (Result<void> loaded = repository.Load(); !loaded) return loaded.error();
  if (repository.root_ || repository.pending_root_) {
    return Error{Code::kUsage, path + " holds a repository already"};
  }
  if (Result<void> done = repository.Propose("root", std::move(body), now); !done) {
    return done.error();
  }
  JsonObject targets = NewBody("targets");
  targets.Set("targets", {JsonObject()});
  if (Result<void> done = repository.Propose("targets", std::move(targets), now); !done) {
    return done.error();
  }
  std::vector<NamedKey> named;
  for (const auto& [role, setup] : roles) {
    named.insert(named.end(), setup.keys.begin(), setup.keys.end());
  }
  if (Result<void> done = repository.Remember(named); !done) return done.error();
  return repository;
}

Result<Repository> Repository::Open(const std::string& path) {
  if (std::error_code error; !std::filesystem::exists(path, error) && !error) {
    return Error{Code::kFileUnreadable,
                 path + ": there is no repository here; cotter repo init makes one"};
  }
  Result<MetadataStore> store = MetadataStore::Open(path + "/pending");
  if (!store) return store.error();
  Repository repository(path, *std::move(store));
  if (Result<void> loaded = repository.Load(); !loaded) return loaded.error();
  if (!repository.root_ && !repository.pending_root_) {
    return Error{Code::kUpdateStateInvalid, path + ": there is no repository here"};
  }
  return repository;
}

Result<void> Repository::LoadRole(const std::string& role) {
  Result<std::optional<std::string>> raw = LoadPublished(PublicFolder(), role);
  if (!raw) return raw.error();
  if (*raw) {
    Result<Envelope> file = ReadEnvelopeOf(role, **raw);
    if (!file) return file.error();
    published_.insert_or_assign(role, *std::move(file));
  }
  raw = store_.Load(role, kMaxTargetsSize);
  if (!raw) return raw.error();
  if (*raw) {
    Result<Envelope> file = ReadEnvelopeOf(role, **raw);
    if (!file) return file.error();
    pending_.insert_or_assign(role, *std::move(file));
  }
  return Ok();
}

Result<void> Repository::Load() {
  for (const std::string_view role : kRoles) {
    if (Result<void> done = LoadRole(std::string(role)); !done) return done;
  }
  for (const std::string& role : Delegated()) {
    if (Result<void> done = LoadRole(role); !done) return done;
  }
  // A crash can leave a file both published and pending.
  for (const auto& [role, file] : published_) {
    const auto waiting = pending_.find(role);
    if (waiting != pending_.end() && waiting->second.version <= file.version) {
      pending_.erase(waiting);
    }
  }
  if (const auto root = published_.find("root"); root != published_.end()) {
    Result<Root> read = ReadRoot(root->second.raw);
    if (!read) return read.error();
    root_ = *std::move(read);
  }
  if (const auto root = pending_.find("root"); root != pending_.end()) {
    Result<Root> read = ReadRoot(root->second.raw);
    if (!read) return read.error();
    pending_root_ = *std::move(read);
  }
  return Ok();
}

// Propose makes `body` the pending metadata of `role`: the version after the published one, no
// signatures. What was pending before is replaced, with the signatures it had.
Result<void> Repository::Propose(const std::string& role, JsonObject body, Time now) {
  const auto before = published_.find(role);
  const Time expires{now.unix_seconds + LifetimeOf(role)};
  if (before != published_.end() && expires < before->second.expires && role != "root") {
    return Error{Code::kMetadataRollback,
                 role + ": the clock is behind what was signed last, which ends " +
                     FormatTime(before->second.expires)};
  }
  body.Set("version", {before == published_.end() ? std::int64_t{1} : before->second.version + 1});
  body.Set("expires", {FormatTime(expires)});
  const std::string raw =
      WriteJson({JsonObject{{"signatures", {JsonArray()}}, {"signed", {std::move(body)}}}});
  Result<Envelope> file = ReadEnvelopeOf(role, raw);
  if (!file) return file.error();
  if (role == "root") {
    Result<Root> root = ReadRoot(raw);
    if (!root) return root.error();
    pending_root_ = *std::move(root);
  }
  if (Result<void> saved = store_.Save(role, raw); !saved) return saved;
  pending_.insert_or_assign(role, *std::move(file));
  return Ok();
}

Result<void> Repository::AddKeys(const std::string& role, std::span<const NamedKey> added,
                                 Time now) {
  if (DelegationOf(role)) return ChangeRoleKeys(role, added, {}, now);
  const Root* root = pending_root_ ? &*pending_root_ : RootInForce();
  JsonObject body = *root->body.object();
  JsonObject roles = ObjectAt(body, "roles");
  if (roles.Find(role) == nullptr) return Error{Code::kUsage, "there is no role " + role};
  JsonObject entry = ObjectAt(roles, role);
  JsonArray ids = *entry.Find("keyids")->array();
  JsonObject keys = ObjectAt(body, "keys");
  for (const NamedKey& key : added) {
    const bool there =
        std::ranges::any_of(ids, [&](const JsonValue& id) { return *id.text() == key.keyid; });
    if (there) return Error{Code::kUsage, role + " has the key " + key.name + " already"};
    ids.push_back({key.keyid});
    keys.Set(key.keyid, key.key);
  }
  entry.Set("keyids", {std::move(ids)});
  roles.Set(role, {std::move(entry)});
  body.Set("keys", {std::move(keys)});
  body.Set("roles", {std::move(roles)});
  if (Result<void> done = Remember(added); !done) return done;
  return Propose("root", std::move(body), now);
}

Result<void> Repository::RemoveKey(const std::string& role, std::string_view keyid, Time now) {
  if (DelegationOf(role)) return ChangeRoleKeys(role, {}, keyid, now);
  const Root* root = pending_root_ ? &*pending_root_ : RootInForce();
  JsonObject body = *root->body.object();
  JsonObject roles = ObjectAt(body, "roles");
  if (roles.Find(role) == nullptr) return Error{Code::kUsage, "there is no role " + role};
  JsonObject entry = ObjectAt(roles, role);
  JsonArray ids;
  for (const JsonValue& id : *entry.Find("keyids")->array()) {
    if (*id.text() != keyid) ids.push_back(id);
  }
  if (ids.size() == entry.Find("keyids")->array()->size()) {
    return Error{Code::kUsage, role + " has no key " + std::string(keyid)};
  }
  if (static_cast<std::int64_t>(ids.size()) < *entry.Find("threshold")->integer()) {
    return Error{Code::kUsage, role + " would have fewer keys than have to sign: add one first"};
  }
  entry.Set("keyids", {std::move(ids)});
  roles.Set(role, {std::move(entry)});
  // A key of no role stays out of the root.
  JsonObject keys = ObjectAt(body, "keys");
  bool used = false;
  for (const JsonMember& member : roles.members()) {
    for (const JsonValue& id : *member.value.object()->Find("keyids")->array()) {
      used = used || *id.text() == keyid;
    }
  }
  if (!used) keys.Remove(keyid);
  body.Set("keys", {std::move(keys)});
  body.Set("roles", {std::move(roles)});
  return Propose("root", std::move(body), now);
}

Result<void> Repository::ProposeSnapshot(Time now) {
  JsonObject body = NewBody("snapshot");
  JsonObject meta;
  // A role that clients have seen stays listed: they take no snapshot without it (TUF 5.5.5).
  if (const auto before = published_.find("snapshot"); before != published_.end()) {
    meta = ObjectAt(*before->second.body.object(), "meta");
  }
  meta.Set("targets.json", FileEntry(published_.at("targets")));
  for (const std::string& role : Delegated()) {
    const auto file = published_.find(role);
    if (file != published_.end()) meta.Set(role + ".json", FileEntry(file->second));
  }
  body.Set("meta", {std::move(meta)});
  return Propose("snapshot", std::move(body), now);
}

Result<void> Repository::ProposeTimestamp(Time now) {
  JsonObject body = NewBody("timestamp");
  body.Set("meta", {JsonObject{{"snapshot.json", FileEntry(published_.at("snapshot"))}}});
  return Propose("timestamp", std::move(body), now);
}

Result<void> Repository::Renew(Time now) {
  if (published_.count("timestamp") == 0) {
    return Error{Code::kUsage, "nothing is published yet: sign first"};
  }
  for (const std::string& role : Roles()) {
    const auto found = published_.find(role);
    if (role == "timestamp" || found == published_.end()) continue;
    const Envelope& file = found->second;
    const std::int64_t left = file.expires.unix_seconds - now.unix_seconds;
    if (left >= LifetimeOf(role) / 2 || pending_.count(role) != 0) continue;
    Result<void> done =
        role == "snapshot" ? ProposeSnapshot(now) : Propose(role, *file.body.object(), now);
    if (!done) return done;
  }
  return ProposeTimestamp(now);
}

Result<void> Repository::Log(JsonObject entry, Time now) const {
  constexpr std::size_t kMaxLog = std::size_t{16} << 20;
  const std::string path = path_ + "/log.jsonl";
  std::string log;
  if (std::error_code ignored; std::filesystem::exists(path, ignored)) {
    const Result<base::FileImage> before = base::ReadFile(path, kMaxLog);
    if (!before) return before.error();
    log = AsText(before->bytes());
  }
  entry.Set("time", {FormatTime(now)});
  log += WriteJson({std::move(entry)}) + "\n";
  return base::WriteFileAtomically(path, AsBytes(log));
}

}  // namespace cotter::update
