// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace cotter::base {
namespace {

constexpr mode_t kMode = 0644;

Error Failed(const std::string& path, int error) {
  return Error{Code::kFileUnreadable, path + ": " + std::generic_category().message(error)};
}

}  // namespace

Result<AtomicFile> AtomicFile::Open(const std::string& path) {
  std::string beside = path + ".XXXXXX";
  const int descriptor = ::mkostemp(beside.data(), O_CLOEXEC);
  if (descriptor < 0) return Failed(path, errno);
  return AtomicFile(path, std::move(beside), descriptor);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      beside_(std::move(other.beside_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(beside_.c_str());
}

Result<void> AtomicFile::Write(ByteView content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor_, content.data(), content.size());
    if (written >= 0) {
      content = content.subspan(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return Failed(path_, errno);
    }
  }
  return Ok();
}

Result<void> AtomicFile::Commit() {
  // mkostemp made the file 0600; the umask can be read only by setting it.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(descriptor_, kMode & ~mask) != 0 || ::fsync(descriptor_) != 0 ||
      ::rename(beside_.c_str(), path_.c_str()) != 0) {
    return Failed(path_, errno);
  }
  ::close(std::exchange(descriptor_, -1));
  return Ok();
}

}  // namespace cotter::base
