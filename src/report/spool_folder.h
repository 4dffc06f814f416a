// SPDX-License-Identifier: Apache-2.0
//
// The directory of a spool: private, locked, one small file a record, each written whole or not at
// all. Not thread-safe; the spool has the lock.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cotter/result.h>

namespace cotter::report {

// kStateKey is the key of the one file that is no record.
inline constexpr std::string_view kStateKey = "state";

class SpoolFolder {
 public:
  // Open makes the directory, mode 0700, where there is none, and locks it until the object goes.
  // Fails with kFileUnreadable: it belongs to another user, others may use it, or another process
  // has it open.
  [[nodiscard]] static Result<SpoolFolder> Open(std::string path);

  SpoolFolder(SpoolFolder&& other) noexcept
      : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}
  SpoolFolder& operator=(SpoolFolder&&) = delete;
  ~SpoolFolder();

  // Keys lists the records, in order, and removes what a crash left half written.
  [[nodiscard]] std::vector<std::string> Keys() const;

  // Holds reports whether the file of `key` is there.
  [[nodiscard]] bool Holds(std::string_view key) const;

  // Read, Write and Remove are of the file of `key`. Read fails with kFileUnreadable or
  // kFileTooLarge, Write with kFileUnreadable.
  [[nodiscard]] Result<std::string> Read(std::string_view key) const;
  [[nodiscard]] Result<void> Write(std::string_view key, std::string_view content) const;
  void Remove(std::string_view key) const noexcept;

 private:
  SpoolFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  [[nodiscard]] std::string FileOf(std::string_view key) const;

  std::string path_;
  int lock_;
};

}  // namespace cotter::report
