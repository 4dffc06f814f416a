// SPDX-License-Identifier: Apache-2.0
//
// TempDir is a private directory that lives as long as the object. For tests.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <cotter/result.h>

namespace cotter::test {

class TempDir {
 public:
  // The directory is new, empty and 0700.
  TempDir() : path_((std::filesystem::temp_directory_path() / "cotter-test-XXXXXX").string()) {
    COTTER_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // File is the path of `name` in the directory.
  [[nodiscard]] std::string File(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

  // Write puts `content` into the file `name` and returns its path.
  std::string Write(std::string_view name, std::string_view content) const {
    std::ofstream file(File(name), std::ios::binary);
    file << content;
    COTTER_CHECK(file.flush().good());
    return File(name);
  }

 private:
  std::string path_;
};

}  // namespace cotter::test
