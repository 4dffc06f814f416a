// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/report_json.h"
#include <cotter/report.h>

namespace cotter::report {
namespace {

// What `keep` may be: rotation renames each file, and a handshake waits for it.
constexpr std::size_t kMaxKept = 100;

Error Failure(const std::string& path, std::string_view why) {
  return Error{Code::kFileUnreadable, path + ": " + std::string(why)};
}

std::string Reason(int error) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's strerror has a buffer for each thread
  return std::strerror(error);
}

class FileSink final : public Sink {
 public:
  explicit FileSink(FileOptions options) : options_(std::move(options)) {}
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  ~FileSink() override { Close(); }

  Result<void> Open() {
    Close();
    const int fd = open(options_.path.c_str(),
                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) return Failure(options_.path, Reason(errno));
    fd_ = fd;
    if (fstat(fd_, &identity_) != 0) return Failure(options_.path, Reason(errno));
    std::string_view why;
    if (!S_ISREG(identity_.st_mode)) why = "not a regular file";
    if ((identity_.st_mode & 077U) != 0) why = "others may use it: its mode has to be 0600";
    if (why.empty()) return Ok();
    Close();
    return Failure(options_.path, why);
  }

  void Tell(const ViolationEvent& event) noexcept override {
    try {
      const std::string line = FileLine(event, options_.url) + "\n";
      const std::lock_guard lock(mutex_);
      const Result<void> written = Append(line);
      if (!written && options_.on_failure) {
        options_.on_failure("event=violation_file_failed msg=\"" + written.error().message + "\"");
      }
    } catch (...) {
      return;  // a sink can change nothing
    }
  }

 private:
  Result<void> Append(std::string_view line) {
    if (!IsCurrent()) {
      if (auto opened = Open(); !opened) return opened;
    }
    struct stat info {};
    if (fstat(fd_, &info) != 0) return Failure(options_.path, Reason(errno));
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size != 0 && size + line.size() > options_.max_bytes) {
      if (auto rotated = Rotate(); !rotated) return rotated;
    }
    ssize_t put = 0;
    do {
      put = write(fd_, line.data(), line.size());
    } while (put < 0 && errno == EINTR);
    if (put < 0) return Failure(options_.path, Reason(errno));
    if (static_cast<std::size_t>(put) != line.size()) {
      return Failure(options_.path, "a line was cut short");
    }
    return Ok();
  }

  // IsCurrent reports whether the path still names the file that is open: somebody else's rotation
  // may have moved it.
  bool IsCurrent() const {
    struct stat named {};
    return fd_ >= 0 && lstat(options_.path.c_str(), &named) == 0 &&
           named.st_dev == identity_.st_dev && named.st_ino == identity_.st_ino;
  }

  Result<void> Rotate() {
    const std::size_t keep = std::min(options_.keep, kMaxKept);
    for (std::size_t i = keep; i > 1; --i) {
      const int moved = rename(Kept(i - 1).c_str(), Kept(i).c_str());
      if (moved != 0 && errno != ENOENT) return Failure(Kept(i), Reason(errno));
    }
    const int gone =
        keep == 0 ? unlink(options_.path.c_str()) : rename(options_.path.c_str(), Kept(1).c_str());
    if (gone != 0) return Failure(options_.path, Reason(errno));
    return Open();
  }

  std::string Kept(std::size_t number) const {
    return options_.path + "." + std::to_string(number);
  }

  void Close() noexcept {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  FileOptions options_;
  std::mutex mutex_;
  int fd_ = -1;
  struct stat identity_ {};
};

}  // namespace

Result<std::shared_ptr<Sink>> OpenFileSink(FileOptions options) {
  auto sink = std::make_shared<FileSink>(std::move(options));
  if (auto opened = sink->Open(); !opened) return std::move(opened).error();
  return std::shared_ptr<Sink>(std::move(sink));
}

}  // namespace cotter::report
