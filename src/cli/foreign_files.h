// SPDX-License-Identifier: Apache-2.0
//
// The files that import and lint are given, read for src/formats/exchange.h. Safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/exchange.h"
#include <cotter/result.h>

namespace cotter::cli {

// A folder of certificates or a preload list holds fewer files than this.
inline constexpr std::size_t kMaxForeignFiles = 10'000;

// ForeignFiles owns the names and contents that its views borrow.
class ForeignFiles {
 public:
  // Read reads each of `paths`; of a folder, its regular files in the order of their names. Fails
  // with kFileUnreadable and kFileTooLarge.
  [[nodiscard]] static Result<ForeignFiles> Read(std::span<const std::string> paths);

  // views is the files, which borrow from this object and from `host`: the host that they are for,
  // where they do not say; empty: not known.
  [[nodiscard]] std::vector<formats::InputFile> views(std::string_view host = {}) const
      COTTER_LIFETIME_BOUND;

 private:
  struct File {
    std::string name;
    base::FileImage image;
  };
  std::vector<File> files_;
};

}  // namespace cotter::cli
