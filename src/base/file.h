// SPDX-License-Identifier: Apache-2.0
//
// Files and streams, read whole and bounded, written whole or not at all. Safe from any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::base {

// Inputs that people name on a command line are read up to this size: 100,000 certificates fit, an
// endless stream ends.
inline constexpr std::size_t kMaxInputSize = std::size_t{256} << 20;

// FileImage is the content of a file in memory of its own: a later change of the file does not
// reach it.
class FileImage {
 public:
  [[nodiscard]] ByteView bytes() const noexcept COTTER_LIFETIME_BOUND { return bytes_; }

  // owner keeps bytes() alive.
  [[nodiscard]] const std::shared_ptr<const void>& owner() const noexcept { return owner_; }

 private:
  friend Result<FileImage> ReadFile(const std::string& path, std::size_t limit);

  ByteView bytes_;
  std::shared_ptr<const void> owner_;
};

// ReadFile reads the regular file, pipe or device at `path`, or standard input where it is "-".
// More than `limit` bytes is kFileTooLarge, found before memory for them is taken; anything else
// that goes wrong, a directory among it, is kFileUnreadable with the system's reason.
[[nodiscard]] Result<FileImage> ReadFile(const std::string& path,
                                         std::size_t limit = kMaxInputSize);

// WriteFileAtomically replaces the file at `path` by `content`: written beside it, flushed to disk,
// then renamed, and the rename flushed too, so a reader sees the old file or the new one. The mode
// is `mode`, less the umask for a new file. Fails with kFileUnreadable.
[[nodiscard]] Result<void> WriteFileAtomically(const std::string& path, ByteView content,
                                               unsigned mode = 0644);

}  // namespace cotter::base
