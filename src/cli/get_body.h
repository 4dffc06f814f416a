// SPDX-License-Identifier: Apache-2.0
//
// Where `cotter get` puts a response's body, and the progress that people see meanwhile. One
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/atomic_file.h"
#include <cotter/client.h>

namespace cotter::cli {

// BodyPlace takes a body as it comes: into a file that appears when it is complete, to standard
// output, or nowhere. On a terminal the bytes are made safe; anywhere else they stay as they are.
class BodyPlace {
 public:
  enum class Kind : std::uint8_t { kFile, kStandardOutput, kNowhere };

  // Open begins a place; `path` is that of the file. Fails with kFileUnreadable.
  [[nodiscard]] static Result<BodyPlace> Open(Kind kind, const std::string& path);

  // Take is the sink of a request. False where no more can be written; fault() says why.
  [[nodiscard]] bool Take(ByteView bytes);

  // Finish puts a file in its place.
  [[nodiscard]] Result<void> Finish();

  // reader_gone reports that standard output is closed: its reader had what it wanted.
  [[nodiscard]] bool reader_gone() const noexcept { return reader_gone_; }
  [[nodiscard]] const std::optional<Error>& fault() const noexcept { return fault_; }

 private:
  BodyPlace(Kind kind, std::optional<base::AtomicFile> file)
      : file_(std::move(file)), kind_(kind) {}

  std::optional<base::AtomicFile> file_;
  std::optional<Error> fault_;
  Kind kind_;
  bool reader_gone_ = false;
};

// ProgressBar draws on standard error, and only where that is a terminal and the body is not
// drawn there too.
class ProgressBar {
 public:
  explicit ProgressBar(BodyPlace::Kind body) noexcept;
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  [[nodiscard]] bool shown() const noexcept { return shown_; }
  void Draw(const client::Progress& progress);

 private:
  bool shown_ = false;
  bool drawn_ = false;
  std::uint64_t last_step_ = 0;
};

}  // namespace cotter::cli
