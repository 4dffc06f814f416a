// SPDX-License-Identifier: Apache-2.0
//
// Client is the client workflow of The Update Framework (section 5 of its specification), step by
// step and in its order. It brings the metadata in its store up to date and says what a target
// has to be; every refusal leaves what was trusted before. For one thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "update/fetcher.h"
#include "update/metadata.h"
#include "update/metadata_store.h"
#include "update/signature_memo.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::update {

// How much is read of each file, so that an endless one ends. Metadata that says the length of
// other metadata sets a lower one.
inline constexpr std::size_t kMaxRootSize = std::size_t{512} << 10;
inline constexpr std::size_t kMaxTimestampSize = std::size_t{16} << 10;
inline constexpr std::size_t kMaxSnapshotSize = std::size_t{2} << 20;
inline constexpr std::size_t kMaxTargetsSize = std::size_t{5} << 20;

// A larger target is refused before it is fetched: it is held in memory until it is verified.
inline constexpr std::size_t kMaxTargetSize = std::size_t{256} << 20;

// New versions of root in one run. The next run goes on from there.
inline constexpr int kMaxRootRotations = 256;

// Delegated roles that one search visits: graphs of delegations can be made as wide as one likes.
inline constexpr std::size_t kMaxDelegations = 32;

// Step is where in the workflow a client is.
enum class Step {
  kState,       // reads what it trusts
  kRoot,        // TUF 5.3
  kTimestamp,   // TUF 5.4
  kSnapshot,    // TUF 5.5
  kTargets,     // TUF 5.6
  kDelegation,  // TUF 5.6.7
  kTarget,      // TUF 5.7
  kPolicy,      // the target is a policy that this client takes
};

// NameOf is the step's stable name, lower case. Static storage.
[[nodiscard]] std::string_view NameOf(Step step) noexcept;

struct ClientOptions {
  std::string metadata_url;
  std::string target_url;
  // Repositories with consistent snapshots put a target's hash in front of its name; some do not.
  bool hash_in_target_name = true;
  // Where it becomes true, Open does not wait for the directory any longer. May be null.
  std::shared_ptr<const std::atomic<bool>> stop = nullptr;
  // Of a program that makes one client after another. Null: one of this client's own.
  std::shared_ptr<SignatureMemo> memo = nullptr;
};

class Client {
 public:
  // Init puts `root`, which came by another way than the network, into an empty or old directory.
  // It has to be a root signed by its own keys; expired it may be, as the first run brings it up
  // to date. kMetadataMalformed, kSignatureThreshold, kFileUnreadable.
  [[nodiscard]] static Result<void> Init(const std::string& directory, std::string_view root);

  // Open takes the directory and verifies the root in it anew. `fetcher` outlives the client.
  // kUpdateStateInvalid where there is no root that is signed by its own keys; kFileUnreadable.
  [[nodiscard]] static Result<Client> Open(const std::string& directory, Fetcher& fetcher,
                                           ClientOptions options);

  // Refresh runs the workflow up to the top-level targets role. `now` is its fixed start time
  // (TUF 5.1). Fails with kFetchFailed, kFileTooLarge, kMetadataMalformed, kSignatureThreshold,
  // kMetadataRollback, kMetadataMismatch, kMetadataExpired, kFileUnreadable, and step() says where.
  [[nodiscard]] Result<void> Refresh(Time now);

  // Find is what the target `path` has to be, as the first role says that may speak for it.
  // kTargetUnknown where none does; else as Refresh, which has to have succeeded.
  [[nodiscard]] Result<FileInfo> Find(std::string_view path);

  // Spoken is what one delegated role says of a path.
  struct Spoken {
    FileInfo info;
    std::size_t signers = 0;  // different keys of the role; never fewer than `threshold`
    std::size_t threshold = 0;
  };

  // FindIn is what the role `role` says of `path`, if the top-level targets let it speak for that;
  // no other role is asked. kTargetUnknown where it has nothing to say; else as Find.
  [[nodiscard]] Result<Spoken> FindIn(std::string_view role, std::string_view path);

  // Download fetches the target `path` and verifies it against `info`. kMetadataMismatch,
  // kFileTooLarge, kFetchFailed.
  [[nodiscard]] Result<std::string> Download(std::string_view path, const FileInfo& info);

  // step is where the last call ended.
  [[nodiscard]] Step step() const noexcept { return step_; }

  // root, timestamp, snapshot and targets are what is trusted now; all but root are null before
  // the first Refresh has come to them.
  [[nodiscard]] const Root& root() const noexcept { return root_; }
  [[nodiscard]] const Timestamp* timestamp() const noexcept { return timestamp_.get(); }
  [[nodiscard]] const Snapshot* snapshot() const noexcept { return snapshot_.get(); }
  [[nodiscard]] const Targets* targets() const noexcept { return targets_.get(); }

 private:
  Client(MetadataStore store, Fetcher& fetcher, ClientOptions options, Root root);

  Result<void> RefreshRoot();
  Result<void> LoadTrusted();
  Result<void> RefreshTimestamp();
  Result<void> RefreshSnapshot();
  Result<void> TakeSnapshot(const std::string& raw);
  Result<std::shared_ptr<const Targets>> RefreshTargets(const std::string& name,
                                                        const RoleKeys& role, const KeySet& keys);
  Result<Targets> CheckTargets(std::string_view raw, const FileInfo& info, const RoleKeys& role,
                               const KeySet& keys) const;
  Result<void> RequireFresh(const Envelope& file) const;
  Result<std::string> FetchMetadata(std::string_view role, std::int64_t version, std::size_t limit);

  MetadataStore store_;
  Fetcher* fetcher_;
  ClientOptions options_;
  Root root_;
  std::shared_ptr<const Timestamp> timestamp_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<const Targets> targets_;
  Time now_;
  Step step_ = Step::kState;
};

}  // namespace cotter::update
