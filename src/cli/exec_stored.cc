// SPDX-License-Identifier: Apache-2.0
#include "cli/exec_stored.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exec_start.h"

namespace cotter::cli {
namespace {

// A file that changed so lately may change again without a new time; file systems keep times in
// steps of up to two seconds.
constexpr std::int64_t kSettledSeconds = 3;

// How exactly a stored file's time says when it was used last.
constexpr std::int64_t kUseSeconds = 60 * 60;

mode_t FolderMode() { return ::geteuid() == 0 ? 0755 : 0700; }

// IsOurs reports that `path` is a folder that only we can write.
bool IsOurs(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) &&
         facts.st_uid == ::geteuid() && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// MakeFolder makes the last folder of `path`; it may be there already.
bool MakeFolder(const std::string& path) {
  if (::mkdir(path.c_str(), FolderMode()) != 0) return errno == EEXIST;
  return ::chmod(path.c_str(), FolderMode()) == 0;
}

// Facts is what tells a state of a file from every other.
std::array<std::uint64_t, 7> FactsOf(const struct stat& facts) {
  const auto number = [](auto value) { return static_cast<std::uint64_t>(value); };
  return {number(facts.st_dev),         number(facts.st_ino),          number(facts.st_size),
          number(facts.st_mtim.tv_sec), number(facts.st_mtim.tv_nsec), number(facts.st_ctim.tv_sec),
          number(facts.st_ctim.tv_nsec)};
}

void AppendHex(std::string& text, std::uint64_t number) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  text.append("-").append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

}  // namespace

std::string StoreFolder() {
  std::string parent;
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  if (::geteuid() == 0) {
    parent = "/run";
  } else if (cache != nullptr && cache[0] == '/') {
    parent = cache;
  } else if (home != nullptr && home[0] == '/') {
    parent = std::string(home) + "/.cache";
  }
  const std::string folder = parent + "/cotter";
  if (!parent.empty() && MakeFolder(parent) && MakeFolder(folder) && IsOurs(folder) &&
      MakeFolder(folder + "/exec") && IsOurs(folder + "/exec")) {
    return folder + "/exec";
  }
  for (const std::string_view other : {"/dev/shm", "/tmp"}) {
    const std::string spare = std::string(other) + "/cotter-exec-" + std::to_string(::geteuid());
    if (MakeFolder(spare) && IsOurs(spare)) return spare;
  }
  return {};
}

std::optional<std::string> StoredName(const std::string& path) {
  struct stat policy {};
  struct stat program {};
  const bool known = path != "-" && ::stat(path.c_str(), &policy) == 0 && S_ISREG(policy.st_mode) &&
                     ::stat(FindPart(kMainProgram).c_str(), &program) == 0;
  if (!known) return std::nullopt;
  const std::int64_t settled = std::int64_t{std::time(nullptr)} - kSettledSeconds;
  if (policy.st_mtim.tv_sec > settled || policy.st_ctim.tv_sec > settled) return std::nullopt;
  std::string name = "state";
  for (const std::uint64_t fact : FactsOf(policy)) AppendHex(name, fact);
  // Of the builds of one machine a sum is enough (FNV-1a); it would be too long written out.
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const std::uint64_t fact : FactsOf(program)) sum = (sum ^ fact) * 0x100000001b3;
  AppendHex(name, sum);
  return name + ".policy";
}

bool IsStored(const std::string& path) {
  struct stat facts {};
  const bool stored = ::lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
                      facts.st_uid == ::geteuid() && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
                      facts.st_size > 0;
  if (stored && facts.st_mtim.tv_sec + kUseSeconds < std::time(nullptr)) {
    // Where this fails, the file may be removed a day early, by whoever stores the next.
    [[maybe_unused]] const int noted = ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
  }
  return stored;
}

}  // namespace cotter::cli
