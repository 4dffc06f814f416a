// SPDX-License-Identifier: Apache-2.0
//
// Repository is the publisher's side: a folder DIR with public/, which is uploaded as it is,
// pending/, metadata that waits for signatures, and names.json, what its keys are called. A change
// makes pending metadata; signatures come one by one, over days if need be; when enough are there
// the file moves to public/ and the next role follows: root, targets, snapshot, timestamp. The
// timestamp is the last file to be written and the first that clients read, so that whatever ends
// in between is not seen. One process at a time; for one thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "update/key_store.h"
#include "update/metadata.h"
#include "update/metadata_store.h"
#include "update/private_key.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::update {

// How long each role is good for. A thief of the online keys can hold clients back for as long as
// timestamp says; offline signers have to come together as often as targets says.
inline constexpr std::int64_t kDay = 86'400;
inline constexpr std::int64_t kRootLifetime = 365 * kDay;
inline constexpr std::int64_t kTargetsLifetime = 90 * kDay;
inline constexpr std::int64_t kSnapshotLifetime = 7 * kDay;
inline constexpr std::int64_t kTimestampLifetime = kDay;

// The top-level roles, in the order in which they are published; roles that targets delegates to
// come behind it.
inline constexpr std::string_view kRoles[] = {"root", "targets", "snapshot", "timestamp"};

// RoleSetup is who signs a role of a new repository.
struct RoleSetup {
  std::vector<NamedKey> keys;
  std::size_t threshold = 1;
};

// RoleStatus is how a role stands.
struct RoleStatus {
  std::string role;
  std::int64_t version = 0;  // published; 0 for none
  Time expires;
  std::int64_t pending = 0;  // the version that waits; 0 for none
  std::size_t threshold = 0;
  std::vector<std::string> signers;  // key ids whose signature is there
  std::vector<std::string> missing;  // those that may sign and have not
};

// SignatureFile is what comes back from a signer far away.
struct SignatureFile {
  std::string role;
  std::int64_t version = 0;
  Signature signature;
};

class Repository {
 public:
  // Create makes the folder `path`, which is not to hold a repository yet, with a pending root and
  // pending empty targets. kUsage for a role without keys or with fewer than its threshold.
  [[nodiscard]] static Result<Repository> Create(const std::string& path,
                                                 const std::map<std::string, RoleSetup>& roles,
                                                 Time now);

  // Open takes the folder for this process. kUpdateStateInvalid where it is no repository.
  [[nodiscard]] static Result<Repository> Open(const std::string& path);

  // DelegateTo makes pending targets that let the new role `role`, a name of lower-case letters,
  // digits, "-" and "_", speak for the target paths that `paths`, patterns, cover. kUsage for a
  // role that is there, no path, or fewer keys than have to sign.
  [[nodiscard]] Result<void> DelegateTo(const std::string& role, const RoleSetup& setup,
                                        const std::vector<std::string>& paths, Time now);

  // AddKeys and RemoveKey make a pending root, or pending targets for a delegated role, in which
  // `role` has the keys, all or none of them, or no longer has the key. kUsage where it has one
  // already, has it not, or would have fewer keys than its threshold.
  [[nodiscard]] Result<void> AddKeys(const std::string& role, std::span<const NamedKey> added,
                                     Time now);
  [[nodiscard]] Result<void> RemoveKey(const std::string& role, std::string_view keyid, Time now);

  // SetTarget puts `content` into public/targets under its hash, and makes pending targets that
  // name it. Clients see nothing of it until those are signed.
  [[nodiscard]] Result<void> SetTarget(const std::string& path, std::string_view content,
                                       std::uint64_t policy_version, Time now);

  // SetTargetOf is SetTarget for the metadata of the delegated role `role`, which waits until
  // `approvers` have signed, where that is more than the role's threshold. kUsage where it may not
  // speak for `path` or has not as many keys.
  [[nodiscard]] Result<void> SetTargetOf(const std::string& role, const std::string& path,
                                         std::string_view content, std::uint64_t version,
                                         std::size_t approvers, Time now);

  // Target is the content that the published targets name for `path`, or those that are pending;
  // nullopt for none. kMetadataMismatch where the file is not what was signed.
  [[nodiscard]] Result<std::optional<std::string>> Target(const std::string& path) const;

  // TargetOf is Target for the metadata of the role `role`.
  [[nodiscard]] Result<std::optional<std::string>> TargetOf(const std::string& role,
                                                            const std::string& path) const;

  // DelegationOf is who may sign the delegated role `role`, and for which paths it may speak: as
  // published, else as pending. Nullopt for no such role.
  [[nodiscard]] std::optional<Delegation> DelegationOf(std::string_view role) const;

  // Renew makes pending metadata of the roles that end soon: always a timestamp, the others where
  // less than half of their time is left. kMetadataRollback where the clock is behind what was
  // signed last.
  [[nodiscard]] Result<void> Renew(Time now);

  // Sign signs whatever is pending and `key` may sign, publishes what is then complete, and goes on
  // with what follows from that. What it signed, as "targets 4". kUsage where nothing that
  // waits is this key's.
  [[nodiscard]] Result<std::vector<std::string>> Sign(const PrivateKey& key, Time now);

  // AddSignature takes one that was made elsewhere. kSignatureThreshold where it does not verify,
  // kMetadataMismatch where it is for another version.
  [[nodiscard]] Result<void> AddSignature(const SignatureFile& signature, Time now);

  // Request is the pending file of `role`, for a signer far away. kUsage for none.
  [[nodiscard]] Result<std::string> Request(const std::string& role) const;

  [[nodiscard]] Result<std::vector<RoleStatus>> Status() const;

  // KeyNames is what the keys that were added here are called, by their ids: the names of their
  // files. Empty where that was not kept.
  [[nodiscard]] std::map<std::string, std::string> KeyNames() const;

  // Log appends what happened to log.jsonl.
  [[nodiscard]] Result<void> Log(JsonObject entry, Time now) const;

  [[nodiscard]] std::string PublicFolder() const { return path_ + "/public"; }

 private:
  Repository(std::string path, MetadataStore pending);

  Result<void> Remember(std::span<const NamedKey> keys) const;
  Result<void> Load();
  Result<void> LoadRole(const std::string& role);
  Result<void> ChangeRoleKeys(const std::string& role, std::span<const NamedKey> added,
                              std::string_view remove, Time now);
  Result<void> PutTarget(const std::string& role, const std::string& path, std::string_view content,
                         JsonObject custom, Time now);
  [[nodiscard]] std::size_t NeededFor(const Delegation& delegation) const;
  [[nodiscard]] JsonObject TargetsBody(const std::string& role) const;
  [[nodiscard]] std::vector<std::string> Delegated() const;
  [[nodiscard]] std::vector<std::string> Roles() const;
  Result<void> Propose(const std::string& role, JsonObject body, Time now);
  Result<void> ProposeSnapshot(Time now);
  Result<void> ProposeTimestamp(Time now);
  Result<void> Release(Time now);
  Result<void> ResignStale(Time now);
  Result<void> Heal(Time now);
  Result<void> Publish(const std::string& role, const Envelope& file);
  [[nodiscard]] const Root* RootInForce() const noexcept;
  [[nodiscard]] std::vector<std::string> MaySign(const std::string& role) const;
  [[nodiscard]] std::optional<PublicKey> KeyOf(const std::string& keyid) const;
  [[nodiscard]] Result<void> Complete(const std::string& role, const Envelope& file) const;
  [[nodiscard]] Result<void> CompleteDelegated(const std::string& role, const Envelope& file) const;
  [[nodiscard]] Result<bool> SnapshotNamesAll() const;
  Result<void> ResignDelegated(Time now);
  Result<void> Attach(const std::string& role, const Signature& signature);

  std::string path_;
  MetadataStore store_;  // of pending/; its lock is the repository's
  std::map<std::string, Envelope, std::less<>> published_;
  std::map<std::string, Envelope, std::less<>> pending_;
  std::optional<Root> root_;  // published
  std::optional<Root> pending_root_;
};

// SignRequest is the signature of `key` for the file `request`, which Repository::Request made.
[[nodiscard]] Result<SignatureFile> SignRequest(std::string_view request, const PrivateKey& key);

// WriteSignatureFile and ReadSignatureFile are its form on disk: one line of JSON.
[[nodiscard]] std::string WriteSignatureFile(const SignatureFile& signature);
[[nodiscard]] Result<SignatureFile> ReadSignatureFile(std::string_view text);

// VerifyFolder follows the published repository in `folder` from its first root as a client would,
// and fetches every target, those of delegates and of the emergency role among them. Fails as
// Client does; kDelegateRefused and kEmergencyInvalid for what clients would not take.
[[nodiscard]] Result<void> VerifyFolder(const std::string& folder, Time now);

}  // namespace cotter::update
