// SPDX-License-Identifier: Apache-2.0
//
// A repository in memory, of the files in tests/update/data. For tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>

#include "update/fetcher.h"
#include <cotter/time.h>

namespace cotter::test {

// The files of tests/update/data expire with this century.
inline constexpr Time kTestTime{1'800'000'000};

inline std::string ReadTestFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  COTTER_CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

class MemoryRepository : public update::Fetcher {
 public:
  // Every file of the data, at memory://NAME.
  MemoryRepository() {
    const std::string folder = std::string(COTTER_SOURCE_DIR) + "/tests/update/data";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      files[entry.path().filename().string()] = ReadTestFile(entry.path().string());
    }
  }

  [[nodiscard]] Result<std::optional<std::string>> Fetch(const std::string& url,
                                                         std::size_t limit) override {
    const auto found = files.find(url.substr(url.rfind('/') + 1));
    if (found == files.end()) return std::optional<std::string>();
    if (found->second.size() > limit) return Error{Code::kFileTooLarge, "too long"};
    return std::optional<std::string>(found->second);
  }

  std::map<std::string, std::string> files;
};

}  // namespace cotter::test
