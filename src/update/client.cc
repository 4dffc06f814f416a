// SPDX-License-Identifier: Apache-2.0
#include "update/client.h"

#include <algorithm>
#include <utility>

#include "update/names.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

Error In(std::string_view role, const Error& error) {
  return Error{error.code, std::string(role) + ": " + error.message};
}

// ReadSelfSigned is a root that its own keys signed: what both a first root and a stored one are.
Result<Root> ReadSelfSigned(std::string_view raw, SignatureMemo& memo) {
  Result<Root> root = ReadRoot(raw);
  if (!root) return root;
  if (Result<void> good = memo.Verify(*root, root->root, root->keys); !good) {
    return In("root", good.error());
  }
  return root;
}

// LimitOf is how much to read of a file: what is signed, where that is less than `most`.
Result<std::size_t> LimitOf(const FileInfo& info, std::size_t most) {
  if (!info.length) return most;
  if (static_cast<std::uint64_t>(*info.length) > most) {
    return Error{Code::kFileTooLarge, "it is " + std::to_string(*info.length) +
                                          " bytes long, more than " + std::to_string(most)};
  }
  return static_cast<std::size_t>(*info.length);
}

Result<void> RequireVersion(const Envelope& file, std::int64_t version) {
  if (file.version == version) return Ok();
  return Error{Code::kMetadataMismatch, "it is version " + std::to_string(file.version) +
                                            " and not " + std::to_string(version) +
                                            ", which was named"};
}

Error Older(std::string_view what, std::int64_t offered, std::int64_t trusted) {
  return Error{Code::kMetadataRollback, std::string(what) + " went back from version " +
                                            std::to_string(trusted) + " to " +
                                            std::to_string(offered)};
}

// NamingHash is the hash that a target's file is called by. Repositories write a copy for each.
std::string NamingHash(const FileInfo& info) {
  const auto known = std::find_if(info.hashes.begin(), info.hashes.end(), [](const Hash& hash) {
    return hash.algorithm == "sha256" || hash.algorithm == "sha512";
  });
  return known == info.hashes.end() ? std::string() : known->hex;
}

// RequireNoRollback holds a new snapshot against the one before it (TUF 5.5.5).
Result<void> RequireNoRollback(const Snapshot& before, const Snapshot& after) {
  for (const auto& [name, info] : before.meta) {
    const auto now = after.meta.find(name);
    if (now == after.meta.end()) {
      return Error{Code::kMetadataRollback, name + " is no longer in it"};
    }
    if (now->second.version < info.version) {
      return Older(name, now->second.version, info.version);
    }
  }
  return Ok();
}

}  // namespace

std::string_view NameOf(Step step) noexcept {
  switch (step) {
    case Step::kState:
      return "state";
    case Step::kRoot:
      return "root";
    case Step::kTimestamp:
      return "timestamp";
    case Step::kSnapshot:
      return "snapshot";
    case Step::kTargets:
      return "targets";
    case Step::kDelegation:
      return "delegation";
    case Step::kTarget:
      return "target";
    case Step::kPolicy:
      return "policy";
  }
  return "state";
}

Result<void> Client::Init(const std::string& directory, std::string_view root) {
  SignatureMemo memo;
  if (Result<Root> read = ReadSelfSigned(root, memo); !read) return read.error();
  Result<MetadataStore> store = MetadataStore::Open(directory);
  if (!store) return store.error();
  return store->Save("root", root);
}

Result<Client> Client::Open(const std::string& directory, Fetcher& fetcher, ClientOptions options) {
  if (options.memo == nullptr) options.memo = std::make_shared<SignatureMemo>();
  Result<MetadataStore> store = MetadataStore::Open(directory, options.stop.get());
  if (!store) return store.error();
  const Result<std::optional<std::string>> raw = store->Load("root", kMaxRootSize);
  if (!raw) return raw.error();
  if (!*raw) return Error{Code::kUpdateStateInvalid, directory + ": there is no root to trust"};
  Result<Root> root = ReadSelfSigned(**raw, *options.memo);
  if (!root) return Error{Code::kUpdateStateInvalid, directory + ": " + root.error().message};
  return Client(std::move(*store), fetcher, std::move(options), std::move(*root));
}

Client::Client(MetadataStore store, Fetcher& fetcher, ClientOptions options, Root root)
    : store_(std::move(store)),
      fetcher_(&fetcher),
      options_(std::move(options)),
      root_(std::move(root)) {}

Result<void> Client::Refresh(Time now) {
  now_ = now;
  targets_ = nullptr;
  step_ = Step::kRoot;
  if (Result<void> done = RefreshRoot(); !done) return In("root", done.error());
  if (Result<void> done = LoadTrusted(); !done) return done;
  step_ = Step::kTimestamp;
  if (Result<void> done = RefreshTimestamp(); !done) return In("timestamp", done.error());
  step_ = Step::kSnapshot;
  if (Result<void> done = RefreshSnapshot(); !done) return In("snapshot", done.error());
  step_ = Step::kTargets;
  Result<std::shared_ptr<const Targets>> targets =
      RefreshTargets("targets", root_.targets, root_.keys);
  if (!targets) return In("targets", targets.error());
  targets_ = *targets;
  return Ok();
}

// TUF 5.3: each version of root is signed by the threshold of the one before and by its own.
Result<void> Client::RefreshRoot() {
  for (int rotation = 0; rotation < kMaxRootRotations; ++rotation) {
    const std::int64_t next = root_.version + 1;
    const Result<std::optional<std::string>> raw =
        fetcher_->Fetch(MetadataUrl(options_.metadata_url, "root", next), kMaxRootSize);
    if (!raw) return raw.error();
    if (!*raw) break;
    Result<Root> root = ReadRoot(**raw);
    if (!root) return root.error();
    if (Result<void> old = options_.memo->Verify(*root, root_.root, root_.keys); !old) {
      return Error{old.error().code, "by the keys of version " + std::to_string(root_.version) +
                                         ": " + old.error().message};
    }
    if (Result<void> own = options_.memo->Verify(*root, root->root, root->keys); !own) return own;
    if (root->version < next) return Older("root", root->version, root_.version);
    if (Result<void> right = RequireVersion(*root, next); !right) return right;
    if (Result<void> saved = store_.Save("root", **raw); !saved) return saved;
    root_ = std::move(*root);
  }
  return RequireFresh(root_);  // 5.3.10
}

// What was trusted before is read again by today's root. Where it no longer verifies, its keys
// were rotated or the file is damaged, and neither file counts (5.3.11): a thief of the old keys
// could have signed a version that no honest one ever exceeds. The files are left as they are:
// they would be verified again before they counted for anything.
Result<void> Client::LoadTrusted() {
  step_ = Step::kState;
  timestamp_ = nullptr;
  snapshot_ = nullptr;
  const Result<std::optional<std::string>> timestamp = store_.Load("timestamp", kMaxTimestampSize);
  if (!timestamp) return timestamp.error();
  const Result<std::optional<std::string>> snapshot = store_.Load("snapshot", kMaxSnapshotSize);
  if (!snapshot) return snapshot.error();
  if (*timestamp) {
    Result<Timestamp> read = ReadTimestamp(**timestamp);
    if (!read || !options_.memo->Verify(*read, root_.timestamp, root_.keys)) return Ok();
    timestamp_ = std::make_shared<const Timestamp>(std::move(*read));
  }
  if (*snapshot) {
    Result<Snapshot> read = ReadSnapshot(**snapshot);
    if (read && options_.memo->Verify(*read, root_.snapshot, root_.keys)) {
      snapshot_ = std::make_shared<const Snapshot>(std::move(*read));
    } else {
      timestamp_ = nullptr;
    }
  }
  return Ok();
}

// TUF 5.4.
Result<void> Client::RefreshTimestamp() {
  const Result<std::optional<std::string>> raw = fetcher_->Fetch(
      MetadataUrl(options_.metadata_url, "timestamp", std::nullopt), kMaxTimestampSize);
  if (!raw) return raw.error();
  if (!*raw) return Error{Code::kFetchFailed, "the repository has none"};
  Result<Timestamp> read = ReadTimestamp(**raw);
  if (!read) return read.error();
  if (Result<void> good = options_.memo->Verify(*read, root_.timestamp, root_.keys); !good)
    return good;
  if (timestamp_ != nullptr) {
    if (read->version < timestamp_->version) {
      return Older("timestamp", read->version, timestamp_->version);
    }
    // 5.4.3.1: one of the same version brings nothing new, whatever it says.
    if (read->version == timestamp_->version) return RequireFresh(*timestamp_);
    if (read->snapshot.version < timestamp_->snapshot.version) {
      return Older("snapshot.json", read->snapshot.version, timestamp_->snapshot.version);
    }
  }
  if (Result<void> fresh = RequireFresh(*read); !fresh) return fresh;
  if (Result<void> saved = store_.Save("timestamp", **raw); !saved) return saved;
  timestamp_ = std::make_shared<const Timestamp>(std::move(*read));
  return Ok();
}

// TUF 5.5. The snapshot that is there already is the right one, unless the timestamp names another.
Result<void> Client::RefreshSnapshot() {
  const FileInfo& info = timestamp_->snapshot;
  if (snapshot_ != nullptr && snapshot_->version == info.version &&
      VerifyContent(snapshot_->raw, info) && RequireFresh(*snapshot_)) {
    return Ok();
  }
  const Result<std::size_t> limit = LimitOf(info, kMaxSnapshotSize);
  if (!limit) return limit.error();
  const Result<std::string> raw = FetchMetadata("snapshot", info.version, *limit);
  if (!raw) return raw.error();
  return TakeSnapshot(*raw);
}

Result<void> Client::TakeSnapshot(const std::string& raw) {
  const FileInfo& info = timestamp_->snapshot;
  if (Result<void> right = VerifyContent(raw, info); !right) return right;
  Result<Snapshot> read = ReadSnapshot(raw);
  if (!read) return read.error();
  if (Result<void> good = options_.memo->Verify(*read, root_.snapshot, root_.keys); !good)
    return good;
  if (Result<void> right = RequireVersion(*read, info.version); !right) return right;
  if (snapshot_ != nullptr) {
    if (Result<void> good = RequireNoRollback(*snapshot_, *read); !good) return good;
  }
  if (Result<void> fresh = RequireFresh(*read); !fresh) return fresh;
  if (Result<void> saved = store_.Save("snapshot", raw); !saved) return saved;
  snapshot_ = std::make_shared<const Snapshot>(std::move(*read));
  return Ok();
}

// TUF 5.6, for the top-level role and for delegated ones: they differ in whose keys sign.
Result<std::shared_ptr<const Targets>> Client::RefreshTargets(const std::string& name,
                                                              const RoleKeys& role,
                                                              const KeySet& keys) {
  const auto listed = snapshot_->meta.find(name + ".json");
  if (listed == snapshot_->meta.end()) {
    return Error{Code::kMetadataMismatch, "the snapshot does not list it"};
  }
  const FileInfo& info = listed->second;
  const Result<std::size_t> limit = LimitOf(info, kMaxTargetsSize);
  if (!limit) return limit.error();
  const Result<std::optional<std::string>> local = store_.Load(name, kMaxTargetsSize);
  if (!local) return local.error();
  if (*local) {
    Result<Targets> trusted = CheckTargets(**local, info, role, keys);
    if (trusted) return std::make_shared<const Targets>(std::move(*trusted));
  }
  const Result<std::string> raw = FetchMetadata(name, info.version, *limit);
  if (!raw) return raw.error();
  Result<Targets> read = CheckTargets(*raw, info, role, keys);
  if (!read) return read.error();
  if (Result<void> saved = store_.Save(name, *raw); !saved) return saved.error();
  return std::make_shared<const Targets>(std::move(*read));
}

Result<Targets> Client::CheckTargets(std::string_view raw, const FileInfo& info,
                                     const RoleKeys& role, const KeySet& keys) const {
  if (Result<void> right = VerifyContent(raw, info); !right) return right.error();
  Result<Targets> read = ReadTargets(raw);
  if (!read) return read;
  if (Result<void> good = options_.memo->Verify(*read, role, keys); !good) return good.error();
  if (Result<void> right = RequireVersion(*read, info.version); !right) return right.error();
  if (Result<void> fresh = RequireFresh(*read); !fresh) return fresh.error();
  return read;
}

Result<void> Client::RequireFresh(const Envelope& file) const {
  if (file.expires > now_) return Ok();
  return Error{Code::kMetadataExpired,
               "version " + std::to_string(file.version) + " expired " + FormatTime(file.expires)};
}

Result<std::string> Client::FetchMetadata(std::string_view role, std::int64_t version,
                                          std::size_t limit) {
  const std::optional<std::int64_t> named =
      root_.consistent_snapshot ? std::optional<std::int64_t>(version) : std::nullopt;
  Result<std::optional<std::string>> raw =
      fetcher_->Fetch(MetadataUrl(options_.metadata_url, role, named), limit);
  if (!raw) return raw.error();
  if (!*raw) {
    return Error{Code::kFetchFailed, "the repository has no version " + std::to_string(version)};
  }
  return std::move(**raw);
}

// TUF 5.6.7: depth first, in the order in which roles delegate, each role once.
Result<FileInfo> Client::Find(std::string_view path) {
  COTTER_CHECK(targets_ != nullptr);
  step_ = Step::kDelegation;
  struct Visit {
    std::shared_ptr<const Targets> delegator;  // null for the top-level role
    Delegation delegation;
  };
  std::vector<Visit> stack{{nullptr, {}}};
  std::map<std::string, bool, std::less<>> visited;
  while (!stack.empty()) {
    const Visit visit = std::move(stack.back());
    stack.pop_back();
    const std::string& name = visit.delegation.name;
    if (visited.count(name) != 0) continue;
    if (visited.size() > kMaxDelegations) {
      return Error{Code::kTargetUnknown, std::string(path) + ": not found in " +
                                             std::to_string(kMaxDelegations) + " delegated roles"};
    }
    visited.emplace(name, true);
    std::shared_ptr<const Targets> role = targets_;
    if (visit.delegator != nullptr) {
      Result<std::shared_ptr<const Targets>> read =
          RefreshTargets(name, visit.delegation.keys, visit.delegator->delegation_keys);
      if (!read) return In("role " + name, read.error());
      role = *read;
    }
    const auto target = role->targets.find(path);
    if (target != role->targets.end()) return target->second;
    std::vector<Delegation> children = DelegatedTo(*role, path);
    const auto last = std::find_if(children.begin(), children.end(),
                                   [](const Delegation& child) { return child.terminating; });
    if (last != children.end()) {
      stack.clear();
      children.erase(last + 1, children.end());
    }
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      stack.push_back({role, std::move(*child)});
    }
  }
  return Error{Code::kTargetUnknown, std::string(path) + ": no role has it"};
}

Result<Client::Spoken> Client::FindIn(std::string_view role, std::string_view path) {
  COTTER_CHECK(targets_ != nullptr);
  step_ = Step::kDelegation;
  const std::vector<Delegation> delegations = DelegatedTo(*targets_, path);
  const auto found =
      std::find_if(delegations.begin(), delegations.end(),
                   [&](const Delegation& delegation) { return delegation.name == role; });
  const auto listed = snapshot_->meta.find(std::string(role) + ".json");
  if (found == delegations.end() || listed == snapshot_->meta.end()) {
    return Error{Code::kTargetUnknown, std::string(path) + ": no role " + std::string(role)};
  }
  const Result<std::shared_ptr<const Targets>> said =
      RefreshTargets(found->name, found->keys, targets_->delegation_keys);
  if (!said) return In("role " + found->name, said.error());
  const auto target = (*said)->targets.find(path);
  if (target == (*said)->targets.end()) {
    return Error{Code::kTargetUnknown, std::string(path) + ": " + found->name + " has none"};
  }
  return Spoken{target->second, CountSigners(**said, found->keys, targets_->delegation_keys),
                found->keys.threshold};
}

// TUF 5.7.
Result<std::string> Client::Download(std::string_view path, const FileInfo& info) {
  step_ = Step::kTarget;
  const Result<std::size_t> limit = LimitOf(info, kMaxTargetSize);
  if (!limit) return In(path, limit.error());
  const bool prefixed = root_.consistent_snapshot && options_.hash_in_target_name;
  const std::string url = TargetUrl(options_.target_url, path, prefixed ? NamingHash(info) : "");
  Result<std::optional<std::string>> content = fetcher_->Fetch(url, *limit);
  if (!content) return In(path, content.error());
  if (!*content) return Error{Code::kFetchFailed, std::string(path) + ": the repository has none"};
  if (Result<void> right = VerifyContent(**content, info); !right) return In(path, right.error());
  return std::move(**content);
}

}  // namespace cotter::update
