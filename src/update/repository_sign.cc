// SPDX-License-Identifier: Apache-2.0
//
// Signatures come in, and what is complete goes out.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/file.h"
#include "update/client.h"
#include "update/field_reader.h"
#include "update/repository.h"
#include "update/repository_files.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

const RoleKeys& KeysOf(const Root& root, std::string_view role) {
  if (role == "root") return root.root;
  if (role == "targets") return root.targets;
  return role == "snapshot" ? root.snapshot : root.timestamp;
}

bool HasSigned(const Envelope& file, std::string_view keyid) {
  return std::any_of(file.signatures.begin(), file.signatures.end(),
                     [keyid](const Signature& one) { return one.keyid == keyid; });
}

std::string WriteEnvelope(const Envelope& file) {
  JsonArray signatures;
  for (const Signature& one : file.signatures) {
    signatures.push_back({JsonObject{{"keyid", {one.keyid}}, {"sig", {one.hex}}}});
  }
  return WriteJson({JsonObject{{"signatures", {std::move(signatures)}}, {"signed", file.body}}});
}

}  // namespace

Result<Envelope> ReadEnvelopeOf(const std::string& role, std::string_view raw) {
  const auto sliced = [](auto read) -> Result<Envelope> {
    if (!read) return read.error();
    return Envelope(*std::move(read));
  };
  if (role == "root") return sliced(ReadRoot(raw));
  if (role == "snapshot") return sliced(ReadSnapshot(raw));
  if (role == "timestamp") return sliced(ReadTimestamp(raw));
  return sliced(ReadTargets(raw));
}

Result<std::optional<std::string>> LoadPublished(const std::string& folder,
                                                 const std::string& role) {
  std::int64_t newest = 0;
  std::string path;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder + "/metadata", error), end;
       !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::int64_t version = 0;
    const auto [dot, wrong] = std::from_chars(name.data(), name.data() + name.size(), version);
    const bool versioned = wrong == std::errc() && std::string_view(dot) == "." + role + ".json";
    if (name == role + ".json" || (versioned && version > newest)) {
      newest = version;
      path = at->path().string();
    }
  }
  if (error) return Error{Code::kFileUnreadable, folder + "/metadata: " + error.message()};
  if (path.empty()) return std::optional<std::string>();
  const Result<base::FileImage> file = base::ReadFile(path, kMaxTargetsSize);
  if (!file) return file.error();
  return std::optional<std::string>(AsText(file->bytes()));
}

const Root* Repository::RootInForce() const noexcept { return root_ ? &*root_ : &*pending_root_; }

// A new root is signed by the keys of the one before and by its own.
std::vector<std::string> Repository::MaySign(const std::string& role) const {
  if (const std::optional<Delegation> delegation = DelegationOf(role)) {
    return delegation->keys.keyids;
  }
  std::vector<std::string> ids = KeysOf(*RootInForce(), role).keyids;
  if (role != "root" || !pending_root_) return ids;
  for (const std::string& id : pending_root_->root.keyids) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

std::optional<PublicKey> Repository::KeyOf(const std::string& keyid) const {
  for (const std::optional<Root>* root : {&root_, &pending_root_}) {
    if (!*root) continue;
    const auto key = (*root)->keys.find(keyid);
    if (key != (*root)->keys.end()) return key->second;
  }
  for (const auto* files : {&published_, &pending_}) {
    const auto file = files->find("targets");
    const Result<Targets> targets =
        file == files->end() ? Error{Code::kTargetUnknown, ""} : ReadTargets(file->second.raw);
    if (!targets) continue;
    const auto key = targets->delegation_keys.find(keyid);
    if (key != targets->delegation_keys.end()) return key->second;
  }
  return std::nullopt;
}

// CompleteDelegated is by the keys that the published targets name: pending ones name nobody yet.
Result<void> Repository::CompleteDelegated(const std::string& role, const Envelope& file) const {
  const auto published = published_.find("targets");
  if (published == published_.end()) {
    return Error{Code::kSignatureThreshold, "targets are not published"};
  }
  const Result<Targets> targets = ReadTargets(published->second.raw);
  if (!targets) return targets.error();
  for (const Delegation& delegation : targets->delegations) {
    if (delegation.name != role) continue;
    RoleKeys keys = delegation.keys;
    const auto waiting = pending_.find(role);
    if (waiting != pending_.end() && waiting->second.version == file.version) {
      keys.threshold = NeededFor(delegation);
    }
    return VerifySignatures(file, keys, targets->delegation_keys);
  }
  return Error{Code::kSignatureThreshold, "the published targets name no role " + role};
}

Result<void> Repository::Complete(const std::string& role, const Envelope& file) const {
  if (DelegationOf(role)) return CompleteDelegated(role, file);
  const Root& root = *RootInForce();
  if (Result<void> good = VerifySignatures(file, KeysOf(root, role), root.keys); !good) return good;
  if (role != "root" || !pending_root_) return Ok();
  return VerifySignatures(file, pending_root_->root, pending_root_->keys);
}

Result<std::vector<std::string>> Repository::Sign(const PrivateKey& key, Time now) {
  const std::string keyid = KeyId(key.Public());
  std::vector<std::string> signed_now;
  if (Result<void> whole = Release(now); !whole) return whole.error();
  if (Result<void> whole = Heal(now); !whole) return whole.error();
  for (bool again = true; again;) {
    again = false;
    for (const std::string& role : Roles()) {
      const auto waiting = pending_.find(role);
      const std::vector<std::string> may = MaySign(role);
      if (waiting == pending_.end() || HasSigned(waiting->second, keyid) ||
          std::find(may.begin(), may.end(), keyid) == may.end()) {
        continue;
      }
      const Result<Bytes> bytes = key.Sign(AsBytes(waiting->second.signed_bytes));
      if (!bytes) return bytes.error();
      signed_now.push_back(role + " " + std::to_string(waiting->second.version));
      if (Result<void> done = Attach(role, {keyid, EncodeHex(*bytes)}); !done) return done.error();
      // What follows from it may take the place of what else waits.
      if (Result<void> done = Release(now); !done) return done.error();
      again = true;
      break;
    }
  }
  if (signed_now.empty()) {
    return Error{Code::kUsage, "nothing waits for a signature of the key " + keyid};
  }
  return signed_now;
}

Result<void> Repository::AddSignature(const SignatureFile& signature, Time now) {
  const auto waiting = pending_.find(signature.role);
  if (waiting == pending_.end() || waiting->second.version != signature.version) {
    return Error{Code::kMetadataMismatch,
                 signature.role + " " + std::to_string(signature.version) + " is not what waits"};
  }
  const std::vector<std::string> may = MaySign(signature.role);
  const std::optional<PublicKey> key = KeyOf(signature.signature.keyid);
  if (!key || std::find(may.begin(), may.end(), signature.signature.keyid) == may.end()) {
    return Error{Code::kUsage,
                 "the key " + signature.signature.keyid + " may not sign " + signature.role};
  }
  const std::optional<Bytes> bytes = DecodeHex(signature.signature.hex);
  if (!bytes || !key->Verifies(AsBytes(waiting->second.signed_bytes), *bytes)) {
    return Error{Code::kSignatureThreshold, "the signature is not over what waits"};
  }
  if (HasSigned(waiting->second, signature.signature.keyid)) return Ok();
  if (Result<void> done = Attach(signature.role, signature.signature); !done) return done;
  return Release(now);
}

Result<void> Repository::Attach(const std::string& role, const Signature& signature) {
  Envelope file = pending_.at(role);
  file.signatures.push_back(signature);
  file.raw = WriteEnvelope(file);
  if (Result<void> saved = store_.Save(role, file.raw); !saved) return saved;
  if (role == "root") pending_root_->signatures = file.signatures;
  pending_.insert_or_assign(role, std::move(file));
  return Ok();
}

// Release publishes what is complete, role by role: each one's file is there before another one
// names it.
Result<void> Repository::Release(Time now) {
  for (const std::string& role : Roles()) {
    const auto waiting = pending_.find(role);
    if (waiting == pending_.end() || (role != "root" && !root_)) continue;
    if (!Complete(role, waiting->second)) continue;
    if (Result<void> done = Publish(role, Envelope(waiting->second)); !done) return done;
    Result<void> next = Ok();
    if (role == "root") {
      next = ResignStale(now);
    } else if (role == "snapshot") {
      next = ProposeTimestamp(now);
    } else if (role != "timestamp") {
      next = role == "targets" ? ResignDelegated(now) : Ok();
      if (next) next = ProposeSnapshot(now);
    }
    if (!next) return next;
  }
  return Ok();
}

// Heal makes what has to follow a published file and does not wait: a process ended in between.
Result<void> Repository::Heal(Time now) {
  const auto targets = published_.find("targets");
  const auto snapshot = published_.find("snapshot");
  const auto timestamp = published_.find("timestamp");
  if (targets != published_.end() && pending_.count("snapshot") == 0) {
    const Result<bool> whole = SnapshotNamesAll();
    if (!whole) return whole.error();
    if (!*whole) {
      if (Result<void> done = ProposeSnapshot(now); !done) return done;
    }
  }
  if (snapshot == published_.end() || pending_.count("timestamp") != 0) return Ok();
  std::int64_t named = 0;
  if (timestamp != published_.end()) {
    const Result<Timestamp> read = ReadTimestamp(timestamp->second.raw);
    if (!read) return read.error();
    named = read->snapshot.version;
  }
  return named < snapshot->second.version ? ProposeTimestamp(now) : Ok();
}

// SnapshotNamesAll reports whether the published snapshot names each published targets file.
Result<bool> Repository::SnapshotNamesAll() const {
  const auto snapshot = published_.find("snapshot");
  if (snapshot == published_.end()) return false;
  const Result<Snapshot> read = ReadSnapshot(snapshot->second.raw);
  if (!read) return read.error();
  const auto named = [&](const std::string& role) {
    const auto file = published_.find(role);
    if (file == published_.end()) return true;
    const auto entry = read->meta.find(role + ".json");
    return entry != read->meta.end() && entry->second.version >= file->second.version;
  };
  const std::vector<std::string> delegated = Delegated();
  return named("targets") && std::all_of(delegated.begin(), delegated.end(), named);
}

// ResignDelegated has delegated roles signed again whose keys the new targets changed.
Result<void> Repository::ResignDelegated(Time now) {
  for (const std::string& role : Delegated()) {
    const auto file = published_.find(role);
    if (file == published_.end() || pending_.count(role) != 0) continue;
    if (CompleteDelegated(role, file->second)) continue;
    if (Result<void> done = Propose(role, *file->second.body.object(), now); !done) return done;
  }
  return Ok();
}

// ResignStale has everything signed again that a new root's keys did not sign.
Result<void> Repository::ResignStale(Time now) {
  for (const std::string role : {"targets", "snapshot", "timestamp"}) {
    const auto file = published_.find(role);
    if (file == published_.end() || pending_.count(role) != 0) continue;
    if (VerifySignatures(file->second, KeysOf(*root_, role), root_->keys)) continue;
    if (Result<void> done = Propose(role, *file->second.body.object(), now); !done) return done;
  }
  return Ok();
}

Result<void> Repository::Publish(const std::string& role, const Envelope& file) {
  const std::string name = role == "timestamp" ? role : std::to_string(file.version) + "." + role;
  const std::string path = PublicFolder() + "/metadata/" + name + ".json";
  if (Result<void> done = base::WriteFileAtomically(path, AsBytes(file.raw)); !done) return done;
  if (role == "root") {
    Result<Root> root = ReadRoot(file.raw);
    if (!root) return root.error();
    root_ = *std::move(root);
    pending_root_.reset();
  }
  published_.insert_or_assign(role, file);
  pending_.erase(role);
  return store_.Remove(role);
}

Result<std::string> Repository::Request(const std::string& role) const {
  const auto waiting = pending_.find(role);
  if (waiting == pending_.end()) return Error{Code::kUsage, "nothing of " + role + " waits"};
  if (!DelegationOf(role)) return waiting->second.raw;
  // The metadata of a delegated role does not say whose it is.
  const Result<JsonValue> file = ParseJson(waiting->second.raw);
  if (!file) return file.error();
  JsonObject request = *file->object();
  request.Set("role", {role});
  return WriteJson({std::move(request)});
}

Result<std::vector<RoleStatus>> Repository::Status() const {
  std::vector<RoleStatus> all;
  for (const std::string& name : Roles()) {
    RoleStatus status;
    status.role = name;
    const std::optional<Delegation> delegation = DelegationOf(name);
    status.threshold = delegation ? NeededFor(*delegation) : KeysOf(*RootInForce(), name).threshold;
    if (const auto file = published_.find(name); file != published_.end()) {
      status.version = file->second.version;
      status.expires = file->second.expires;
    }
    if (const auto file = pending_.find(name); file != pending_.end()) {
      status.pending = file->second.version;
      for (const std::string& id : MaySign(status.role)) {
        (HasSigned(file->second, id) ? status.signers : status.missing).push_back(id);
      }
    }
    all.push_back(std::move(status));
  }
  return all;
}

Result<SignatureFile> SignRequest(std::string_view request, const PrivateKey& key) {
  const Result<JsonValue> file = ParseJson(request);
  if (!file) return file.error();
  FieldReader reader;
  const JsonObject* body = reader.Object(reader.AsObject(*file, "the request"), "signed");
  SignatureFile signature;
  const bool delegated = file->object() != nullptr && file->object()->Find("role") != nullptr;
  signature.role = delegated ? reader.Text(file->object(), "role") : reader.Text(body, "_type");
  signature.version = reader.Integer(body, "version", 1);
  if (reader.failed()) return Error{Code::kMetadataMalformed, reader.issue()};
  const std::string message = CanonicalJson(*file->object()->Find("signed"));
  const Result<Bytes> bytes = key.Sign(AsBytes(message));
  if (!bytes) return bytes.error();
  signature.signature = {KeyId(key.Public()), EncodeHex(*bytes)};
  return signature;
}

std::string WriteSignatureFile(const SignatureFile& signature) {
  return WriteJson({JsonObject{{"role", {signature.role}},
                               {"version", {signature.version}},
                               {"keyid", {signature.signature.keyid}},
                               {"sig", {signature.signature.hex}}}}) +
         "\n";
}

Result<SignatureFile> ReadSignatureFile(std::string_view text) {
  const Result<JsonValue> file = ParseJson(text);
  if (!file) return file.error();
  FieldReader reader;
  const JsonObject* object = reader.AsObject(*file, "the signature file");
  SignatureFile signature;
  signature.role = reader.Text(object, "role");
  signature.version = reader.Integer(object, "version", 1);
  signature.signature = {reader.Text(object, "keyid"), reader.Text(object, "sig")};
  if (reader.failed()) return Error{Code::kMetadataMalformed, reader.issue()};
  return signature;
}

}  // namespace cotter::update
