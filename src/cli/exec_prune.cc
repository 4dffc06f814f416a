// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exec_stored.h"

namespace cotter::cli {
namespace {

// So many files stay, those that were used last; one of 100,000 rules is 12 MB.
constexpr std::size_t kKeptFiles = 32;

// What was used since then stays, however much it is: a program that is about to start may have
// been promised the file already, and those of other containers cannot be seen.
constexpr std::int64_t kKeptSeconds = 24 * 60 * 60;

struct StoredFile {
  std::int64_t used = 0;
  std::string name;
};

// ForEachName calls `visit` with the names in a folder; false where it cannot be read.
template <typename Visit>
bool ForEachName(const std::string& folder, Visit visit) {
  DIR* const open = ::opendir(folder.c_str());
  if (open == nullptr) return false;
  while (const dirent* const entry = ::readdir(open)) visit(std::string(entry->d_name));
  ::closedir(open);
  return true;
}

// MappedFiles is the names of the files of `folder` that a process has mapped. Every process below
// `cotter exec` maps its policy as long as it runs; one that hides its mappings from its own user
// (PR_SET_DUMPABLE) may find after a day that its children cannot start.
std::set<std::string> MappedFiles(const std::string& folder) {
  std::set<std::string> mapped;
  const std::string prefix = folder + "/";
  ForEachName("/proc", [&](const std::string& process) {
    if (process.find_first_not_of("0123456789") != std::string::npos) return;
    std::ifstream maps("/proc/" + process + "/maps");
    for (std::string line; std::getline(maps, line);) {
      const std::size_t at = line.find(prefix);
      if (at == std::string::npos) continue;
      const std::string name = line.substr(at + prefix.size());
      mapped.insert(name.substr(0, name.find(' ')));
    }
  });
  return mapped;
}

std::int64_t LastUse(const std::string& path) {
  struct stat facts {};
  const bool ours =
      ::lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == ::geteuid();
  return ours ? facts.st_mtim.tv_sec : INT64_MAX;
}

}  // namespace

void PruneStore(const std::string& folder) {
  std::vector<StoredFile> files;
  ForEachName(folder, [&](const std::string& name) {
    if (!name.starts_with("."))
      files.push_back({.used = LastUse(folder + "/" + name), .name = name});
  });
  if (files.size() <= kKeptFiles) return;
  std::ranges::sort(files, std::ranges::greater{}, &StoredFile::used);
  files.erase(files.begin(), files.begin() + kKeptFiles);
  const std::int64_t before = std::int64_t{std::time(nullptr)} - kKeptSeconds;
  std::erase_if(files, [&](const StoredFile& file) { return file.used >= before; });
  if (files.empty()) return;
  const std::set<std::string> mapped = MappedFiles(folder);
  for (const StoredFile& file : files) {
    const std::string path = folder + "/" + file.name;
    // Looked at once more: it may have been taken up meanwhile.
    if (!mapped.contains(file.name) && LastUse(path) < before) ::unlink(path.c_str());
  }
}

}  // namespace cotter::cli
