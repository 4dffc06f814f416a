// SPDX-License-Identifier: Apache-2.0
//
// A file that is written piece by piece and appears whole or not at all: it grows beside its place,
// and takes it when it is complete. One thread.
#pragma once

#include <string>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::base {

// AtomicFile is one such file. Its destructor takes away what was not committed.
class AtomicFile {
 public:
  // Open begins the file that is to stand at `path`. Fails with kFileUnreadable.
  [[nodiscard]] static Result<AtomicFile> Open(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Write appends `content`. Fails with kFileUnreadable.
  [[nodiscard]] Result<void> Write(ByteView content);

  // Commit flushes to disk and puts the file in its place; the mode is 0644 less the umask. Called
  // once, as the last. Fails with kFileUnreadable; the place is as it was then.
  [[nodiscard]] Result<void> Commit();

 private:
  AtomicFile(std::string path, std::string beside, int descriptor)
      : path_(std::move(path)), beside_(std::move(beside)), descriptor_(descriptor) {}

  std::string path_;
  std::string beside_;
  int descriptor_;  // -1: committed, or moved from
};

}  // namespace cotter::base
