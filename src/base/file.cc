// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"

namespace cotter::base {
namespace {

constexpr std::size_t kFirstRead = std::size_t{64} << 10;

// A page fault costs more than copying the page, so large files go into huge pages where the kernel
// has some.
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Pages is anonymous memory that grows by doubling, and whose untouched part costs nothing.
class Pages {
 public:
  explicit Pages(std::size_t size) : size_(RoundUp(size)), data_(Map(size_)) {}
  Pages(Pages&& other) noexcept
      : size_(std::exchange(other.size_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  Pages& operator=(Pages&&) = delete;
  ~Pages() {
    if (data_ != nullptr) munmap(data_, size_);
  }

  [[nodiscard]] bool Grow(std::size_t size) {
    const std::size_t rounded = RoundUp(size);
    void* moved = mremap(data_, size_, rounded, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) return false;
    data_ = static_cast<std::uint8_t*>(moved);
    size_ = rounded;
    return true;
  }

  [[nodiscard]] bool ok() const noexcept { return data_ != nullptr; }
  [[nodiscard]] std::uint8_t* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static std::size_t RoundUp(std::size_t size) {
    const std::size_t unit = size >= kHugePage ? kHugePage : 4096;
    return (size + unit - 1) / unit * unit;
  }

  static std::uint8_t* Map(std::size_t size) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    if (size >= kHugePage) madvise(memory, size, MADV_HUGEPAGE);
    return static_cast<std::uint8_t*>(memory);
  }

  std::size_t size_;
  std::uint8_t* data_;
};

Error Unreadable(const std::string& path, int error) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's strerror has a buffer for each thread
  return Error{Code::kFileUnreadable, path + ": " + std::strerror(error)};
}

Error TooLarge(const std::string& path, std::size_t limit) {
  return Error{Code::kFileTooLarge, path + ": longer than " + std::to_string(limit) + " bytes"};
}

}  // namespace

Result<FileImage> ReadFile(const std::string& path, std::size_t limit) {
  const std::string_view name = path == "-" ? "standard input" : std::string_view(path);
  const Descriptor file(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return Unreadable(path, errno);
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return Unreadable(std::string(name), errno);
  if (S_ISDIR(info.st_mode)) return Unreadable(std::string(name), EISDIR);
  std::size_t expected = kFirstRead;
  if (S_ISREG(info.st_mode)) {
    // One byte over the size, so that the read that finds the end needs no second buffer.
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size > limit) return TooLarge(std::string(name), limit);
    expected = size + 1;
  }
  auto pages = std::make_shared<Pages>(expected);
  if (!pages->ok()) return Unreadable(std::string(name), ENOMEM);
  std::size_t used = 0;
  while (true) {
    if (used == pages->size() && !pages->Grow(pages->size() * 2)) {
      return Unreadable(std::string(name), ENOMEM);
    }
    const ssize_t got = read(file.get(), pages->data() + used, pages->size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unreadable(std::string(name), errno);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used > limit) return TooLarge(std::string(name), limit);
  }
  FileImage image;
  image.bytes_ = ByteView(pages->data(), used);
  image.owner_ = std::move(pages);
  return image;
}

namespace {

// A rename is on disk when its folder is.
Result<void> SyncFolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  const Descriptor directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // File systems that cannot do this say EINVAL; folders may be writable and not readable.
  if (directory.get() < 0 || fsync(directory.get()) == 0 || errno == EINVAL) return Ok();
  return Unreadable(folder, errno);
}

bool WriteAll(int fd, ByteView content) {
  while (!content.empty()) {
    const ssize_t put = write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    content = content.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

Result<void> WriteFileAtomically(const std::string& path, ByteView content, unsigned mode) {
  // A rename would put a file in the place of a device or a pipe: of /dev/null, for root.
  struct stat known {};
  if (lstat(path.c_str(), &known) == 0 && !S_ISREG(known.st_mode) && !S_ISLNK(known.st_mode)) {
    return Unreadable(path, S_ISDIR(known.st_mode) ? EISDIR : EINVAL);
  }
  std::string beside = path + ".XXXXXX";
  const Descriptor file(mkostemp(beside.data(), O_CLOEXEC));
  if (file.get() < 0) return Unreadable(path, errno);
  // mkostemp made the file 0600; the umask can be read only by setting it.
  const mode_t mask = umask(0);
  umask(mask);
  const bool written = WriteAll(file.get(), content) &&
                       fchmod(file.get(), static_cast<mode_t>(mode) & ~mask) == 0 &&
                       fsync(file.get()) == 0 && rename(beside.c_str(), path.c_str()) == 0;
  if (!written) {
    const Error error = Unreadable(path, errno);
    unlink(beside.c_str());
    return error;
  }
  return SyncFolderOf(path);
}

}  // namespace cotter::base
