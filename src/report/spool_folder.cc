// SPDX-License-Identifier: Apache-2.0
#include "report/spool_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "report/spool_record.h"

namespace cotter::report {
namespace {

constexpr std::string_view kSuffix = ".json";

// Names that are looked at in one directory: of our own there are few, and what else somebody put
// there must not keep a program from starting.
constexpr std::size_t kMaxNames = 10'000;

Error Failure(const std::string& path, std::string_view why) {
  return Error{Code::kFileUnreadable, path + ": " + std::string(why)};
}

std::string Reason(int error) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's strerror has a buffer for each thread
  return std::strerror(error);
}

bool IsKey(std::string_view name) {
  return name.size() == 32 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

class Listing {
 public:
  explicit Listing(const std::string& path) : dir_(opendir(path.c_str())) {}
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;
  ~Listing() {
    if (dir_ != nullptr) closedir(dir_);
  }

  // Next is the next name, null at the end.
  const char* Next() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this object's alone
    const dirent* const entry = dir_ == nullptr ? nullptr : readdir(dir_);
    return entry == nullptr ? nullptr : static_cast<const char*>(entry->d_name);
  }

 private:
  DIR* dir_;
};

Result<void> CheckPrivate(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return Failure(path, Reason(errno));
  if (!S_ISDIR(info.st_mode)) return Failure(path, "not a directory");
  if (info.st_uid != geteuid()) return Failure(path, "belongs to another user");
  if ((info.st_mode & 077U) != 0) {
    return Failure(path, "others may use it: its mode has to be 0700");
  }
  return Ok();
}

}  // namespace

Result<SpoolFolder> SpoolFolder::Open(std::string path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Failure(path, Reason(errno));
  if (auto fit = CheckPrivate(path); !fit) return std::move(fit).error();
  const std::string file = path + "/lock";
  const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return Failure(file, Reason(errno));
  SpoolFolder folder(std::move(path), lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return Failure(folder.path_,
                   errno == EWOULDBLOCK ? "another process has it open" : Reason(errno));
  }
  return folder;
}

SpoolFolder::~SpoolFolder() {
  if (lock_ >= 0) close(lock_);
}

std::vector<std::string> SpoolFolder::Keys() const {
  std::vector<std::string> keys;
  std::vector<std::string> left;
  Listing listing(path_);
  for (std::size_t i = 0; i < kMaxNames; ++i) {
    const char* const next = listing.Next();
    if (next == nullptr) break;
    const std::string_view name = next;
    const std::size_t dot = name.find(kSuffix);
    if (dot == std::string_view::npos) continue;
    const std::string_view key = name.substr(0, dot);
    if (!IsKey(key) && key != kStateKey) continue;
    if (name.size() != dot + kSuffix.size()) {
      left.emplace_back(name);
    } else if (key != kStateKey) {
      keys.emplace_back(key);
    }
  }
  for (const std::string& name : left) unlink((path_ + "/" + name).c_str());
  std::sort(keys.begin(), keys.end());
  return keys;
}

bool SpoolFolder::Holds(std::string_view key) const {
  return access(FileOf(key).c_str(), F_OK) == 0;
}

Result<std::string> SpoolFolder::Read(std::string_view key) const {
  const Result<base::FileImage> image = base::ReadFile(FileOf(key), kMaxRecordSize);
  if (!image) return image.error();
  return std::string(AsText(image->bytes()));
}

Result<void> SpoolFolder::Write(std::string_view key, std::string_view content) const {
  return base::WriteFileAtomically(FileOf(key), AsBytes(content), 0600);
}

void SpoolFolder::Remove(std::string_view key) const noexcept {
  try {
    unlink(FileOf(key).c_str());
  } catch (...) {
    return;  // no memory for the name: the next start reads the record again
  }
}

std::string SpoolFolder::FileOf(std::string_view key) const {
  return path_ + "/" + std::string(key) + std::string(kSuffix);
}

}  // namespace cotter::report
