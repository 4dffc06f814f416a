// SPDX-License-Identifier: Apache-2.0
//
// MetadataStore is the directory in which a client keeps the metadata that it trusts, one file a
// role: root.json, timestamp.json and so on. Each write is whole or not at all, and on disk before
// it counts. What stands there is read as if a stranger had written it. One process at a time
// works in a directory; a store belongs to one thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <cotter/result.h>

namespace cotter::update {

class MetadataStore {
 public:
  // Open takes the directory `path`, which has to be there, for this process, and waits while
  // another has it: two minutes at most, and not when `stop`, which may be null, has become true.
  // What a killed process left half written is removed, where it can be. kFileUnreadable, also for
  // a directory that everybody can write: its root is what all trust begins with.
  [[nodiscard]] static Result<MetadataStore> Open(const std::string& path,
                                                  const std::atomic<bool>* stop = nullptr);

  // Load is the file of `role`; nullopt where there is none, or it is longer than `limit`.
  // kFileUnreadable.
  [[nodiscard]] Result<std::optional<std::string>> Load(std::string_view role,
                                                        std::size_t limit) const;

  // Save puts `content` into the file of `role`. When it returns, that is on disk. kFileUnreadable;
  // the file is then as it was.
  [[nodiscard]] Result<void> Save(std::string_view role, std::string_view content);

  // Remove deletes the file of `role`, if there is one. kFileUnreadable.
  [[nodiscard]] Result<void> Remove(std::string_view role);

 private:
  MetadataStore(std::string path, std::shared_ptr<const int> directory);

  [[nodiscard]] std::string PathOf(std::string_view role) const;

  std::string path_;
  std::shared_ptr<const int> directory_;  // holds the lock; closed with the last copy
};

}  // namespace cotter::update
