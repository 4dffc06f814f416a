// SPDX-License-Identifier: Apache-2.0
#include "cli/exec_policy.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sha256.h"
#include "core/policy_image.h"
#include "policy/policy_file.h"

namespace cotter::cli {
namespace {

// A file that changed so lately may change again without a new time; file systems keep times in
// steps of up to two seconds.
constexpr std::int64_t kSettledSeconds = 3;

constexpr std::size_t kMaxImageSize = std::size_t{256} << 20;

// Root's children may become other users, and read the policy then; nobody else's can.
mode_t FileMode() { return ::geteuid() == 0 ? 0444 : 0400; }
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

// CacheFolder is where compiled policies of this user are kept; empty where there is no place.
std::string CacheFolder() {
  std::vector<std::string> parents;
  if (::geteuid() == 0) {
    parents.emplace_back("/run");
  } else if (const char* const cache = std::getenv("XDG_CACHE_HOME");
             cache != nullptr && cache[0] == '/') {
    parents.emplace_back(cache);
  } else if (const char* const home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    parents.emplace_back(std::string(home) + "/.cache");
  }
  for (const std::string& parent : parents) {
    if (!MakeFolder(parent)) continue;
    const std::string folder = parent + "/cotter";
    if (MakeFolder(folder) && IsOurs(folder) && MakeFolder(folder + "/exec") &&
        IsOurs(folder + "/exec")) {
      return folder + "/exec";
    }
  }
  for (const std::string_view parent : {"/dev/shm", "/tmp"}) {
    const std::string folder = std::string(parent) + "/cotter-exec-" + std::to_string(::geteuid());
    if (MakeFolder(folder) && IsOurs(folder)) return folder;
  }
  return {};
}

Error NoFolder() {
  return Error{Code::kFileUnreadable,
               "no folder for the compiled policy: set HOME or XDG_CACHE_HOME to a writable one"};
}

// AppendFacts appends what tells a state of a file from every other.
void AppendFacts(std::string& text, const struct stat& facts) {
  for (const auto number :
       {static_cast<std::int64_t>(facts.st_dev), static_cast<std::int64_t>(facts.st_ino),
        static_cast<std::int64_t>(facts.st_size), static_cast<std::int64_t>(facts.st_mtim.tv_sec),
        static_cast<std::int64_t>(facts.st_mtim.tv_nsec),
        static_cast<std::int64_t>(facts.st_ctim.tv_sec),
        static_cast<std::int64_t>(facts.st_ctim.tv_nsec)}) {
    text += std::to_string(number) + " ";
  }
}

// NameOfState is a name for what becomes of the policy file in its present state, by this build of
// cotter; nullopt where the state cannot be told from a later one.
std::optional<std::string> NameOfState(const std::string& path) {
  struct stat policy {};
  struct stat program {};
  const bool known = path != "-" && ::stat(path.c_str(), &policy) == 0 && S_ISREG(policy.st_mode) &&
                     ::stat("/proc/self/exe", &program) == 0;
  if (!known) return std::nullopt;
  const std::int64_t settled = base::Now().unix_seconds - kSettledSeconds;
  if (policy.st_mtim.tv_sec > settled || policy.st_ctim.tv_sec > settled) return std::nullopt;
  std::string text;
  AppendFacts(text, policy);
  AppendFacts(text, program);
  return "state-" + EncodeHex(base::Sha256(AsBytes(text)).bytes) + ".policy";
}

bool IsStored(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
         facts.st_uid == ::geteuid() && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
         facts.st_size > 0;
}

Result<std::string> Store(const PolicyIndex& policy, const std::string& path) {
  if (IsStored(path)) return path;
  if (const Result<void> written = base::WriteFileAtomically(path, policy.image(), FileMode());
      !written) {
    return written.error();
  }
  if (::chmod(path.c_str(), FileMode()) != 0) {
    return Error{Code::kFileUnreadable, path + ": " + std::strerror(errno)};
  }
  return path;
}

// OpenPolicy reads a policy in any form.
Result<PolicyIndex> OpenPolicy(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, kMaxImageSize);
  if (!file) return file.error();
  const ByteView bytes = file->bytes();
  const bool compiled = bytes.size() >= sizeof image::kMagic &&
                        image::Load<std::uint64_t>(bytes.data()) == image::kMagic;
  if (compiled) {
    Result<PolicyIndex> index = PolicyIndex::Open(bytes, file->owner());
    if (!index) return Error{index.error().code, path + ": " + index.error().message};
    return index;
  }
  const Result<Policy> policy = policy::ReadPolicy(AsText(bytes), path);
  if (!policy) return policy.error();
  Result<PolicyIndex> index = PolicyIndex::Build(*policy);
  if (!index) return Error{index.error().code, path + ": " + index.error().message};
  return index;
}

}  // namespace

Result<std::string> StorePolicyFile(const std::string& path) {
  const std::string folder = CacheFolder();
  if (folder.empty()) return NoFolder();
  const std::optional<std::string> name = NameOfState(path);
  if (name && IsStored(folder + "/" + *name)) return folder + "/" + *name;
  const Result<PolicyIndex> policy = OpenPolicy(path);
  if (!policy) return policy.error();
  return name ? Store(*policy, folder + "/" + *name) : StorePolicy(*policy);
}

Result<std::string> StorePolicy(const PolicyIndex& policy) {
  const std::string folder = CacheFolder();
  if (folder.empty()) return NoFolder();
  const Digest digest = base::Sha256(policy.image());
  return Store(policy, folder + "/content-" + EncodeHex(digest.bytes) + ".policy");
}

Result<PolicyIndex> PolicyOfPins(const std::vector<std::string_view>& words) {
  Policy policy;
  policy.name = "command line";
  for (const std::string_view word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      return Error{Code::kUsage, "--pin '" + std::string(word) + "': expected HOST=PIN"};
    }
    Result<HostPattern> pattern = HostPattern::Parse(word.substr(0, equals));
    if (!pattern) return pattern.error();
    const Result<Digest> pin = ParsePin(word.substr(equals + 1));
    if (!pin) {
      return Error{pin.error().code, "--pin '" + std::string(word) + "': " + pin.error().message};
    }
    auto rule = policy.hosts.begin();
    while (rule != policy.hosts.end() && !(rule->pattern == *pattern)) ++rule;
    if (rule == policy.hosts.end()) {
      rule = policy.hosts.insert(rule, HostRule{.pattern = *std::move(pattern)});
    }
    rule->pins.push_back(PolicyPin{.pin = Pin{.digest = *pin}, .label = {}});
  }
  return PolicyIndex::Build(policy);
}

}  // namespace cotter::cli
