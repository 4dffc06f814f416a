// SPDX-License-Identifier: Apache-2.0
#include "base/output_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

namespace cotter::base {
namespace {

constexpr unsigned kPermissions = 07777;

Error Failed(const std::string& path) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's strerror has a buffer for each thread
  return Error{Code::kFileUnreadable, path + ": " + std::strerror(errno)};
}

// WriteThrough writes to what cannot be replaced.
Result<void> WriteThrough(const std::string& path, ByteView content) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return Failed(path);
  while (!content.empty()) {
    const ssize_t put = write(file, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) break;
    content = content.subspan(static_cast<std::size_t>(put));
  }
  const Error failed = Failed(path);
  close(file);
  if (!content.empty()) return failed;
  return Ok();
}

}  // namespace

Result<void> WriteOutputFile(const std::string& path, ByteView content) {
  struct stat link {};
  if (lstat(path.c_str(), &link) != 0) return WriteFileAtomically(path, content);
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Failed(path);  // a link that leads nowhere
  if (!S_ISREG(info.st_mode)) return WriteThrough(path, content);
  const std::unique_ptr<char, decltype(&std::free)> target(realpath(path.c_str(), nullptr),
                                                           &std::free);
  if (!target) return Failed(path);
  const mode_t mode = info.st_mode & kPermissions;
  if (Result<void> written = WriteFileAtomically(target.get(), content, mode); !written) {
    return written;
  }
  // Whom the file belonged to can be kept by root alone; what the umask took is given back.
  const bool is_ours = info.st_uid == geteuid() && info.st_gid == getegid();
  if (!is_ours && chown(target.get(), info.st_uid, info.st_gid) != 0) return Ok();
  if (chmod(target.get(), mode) != 0) return Failed(path);
  return Ok();
}

}  // namespace cotter::base
