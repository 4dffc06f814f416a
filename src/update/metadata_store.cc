// SPDX-License-Identifier: Apache-2.0
#include "update/metadata_store.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/file.h"
#include "update/names.h"

namespace cotter::update {
namespace {

constexpr std::string_view kEnding = ".json";

Error Unusable(const std::string& path, int error) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's strerror has a buffer for each thread
  return Error{Code::kFileUnreadable, path + ": " + std::strerror(error)};
}

// base::WriteFileAtomically writes beside the file, under its name and six characters more.
bool IsHalfWritten(std::string_view name) {
  constexpr std::size_t kSuffix = 7;
  return name.size() > kSuffix + kEnding.size() && name[name.size() - kSuffix] == '.' &&
         name.substr(name.size() - kSuffix - kEnding.size(), kEnding.size()) == kEnding;
}

void Sweep(const std::string& path) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;  // a directory that cannot be written keeps its rest
    if (IsHalfWritten(at->path().filename().string())) std::filesystem::remove(*at, ignored);
  }
}

// The other process may be at the mercy of a slow server.
constexpr int kLockWaitMilliseconds = 50;
constexpr int kMostLockWaits = 2 * 60 * 1000 / kLockWaitMilliseconds;

// Lock waits in steps, because flock cannot be told to give up.
Result<void> Lock(int fd, const std::string& path, const std::atomic<bool>* stop) {
  for (int waits = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; ++waits) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Unusable(path, errno);
    if (waits == kMostLockWaits || (stop != nullptr && *stop)) {
      return Error{Code::kFileUnreadable, path + ": another process keeps it"};
    }
    poll(nullptr, 0, kLockWaitMilliseconds);
  }
  return Ok();
}

}  // namespace

MetadataStore::MetadataStore(std::string path, std::shared_ptr<const int> directory)
    : path_(std::move(path)), directory_(std::move(directory)) {}

Result<MetadataStore> MetadataStore::Open(const std::string& path, const std::atomic<bool>* stop) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Unusable(path, errno);
  const auto shut = [](const int* held) {
    close(*held);
    std::default_delete<const int>()(held);
  };
  std::shared_ptr<const int> directory(std::make_unique<const int>(fd).release(), shut);
  struct stat facts {};
  if (fstat(fd, &facts) != 0) return Unusable(path, errno);
  if ((facts.st_mode & S_IWOTH) != 0) {
    return Error{Code::kFileUnreadable,
                 path + ": everybody can write it, and so say what is to be trusted"};
  }
  if (Result<void> locked = Lock(fd, path, stop); !locked) return locked.error();
  Sweep(path);
  return MetadataStore(path, std::move(directory));
}

std::string MetadataStore::PathOf(std::string_view role) const {
  return path_ + "/" + FileNameOf(role, kEnding);
}

Result<std::optional<std::string>> MetadataStore::Load(std::string_view role,
                                                       std::size_t limit) const {
  const std::string path = PathOf(role);
  if (access(path.c_str(), F_OK) != 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return Unusable(path, errno);
  }
  const Result<base::FileImage> file = base::ReadFile(path, limit);
  if (file) return std::optional<std::string>(AsText(file->bytes()));
  if (file.error().code == Code::kFileTooLarge) return std::optional<std::string>();
  return file.error();
}

Result<void> MetadataStore::Save(std::string_view role, std::string_view content) {
  return base::WriteFileAtomically(PathOf(role), AsBytes(content));
}

Result<void> MetadataStore::Remove(std::string_view role) {
  const std::string path = PathOf(role);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Unusable(path, errno);
  if (fsync(*directory_) != 0) return Unusable(path_, errno);
  return Ok();
}

}  // namespace cotter::update
