// SPDX-License-Identifier: Apache-2.0
//
// A library to preload: has the calls that change files fail, or the process be killed, at one of
// them. It reads three variables:
//
//   FAIL_AT     the number of the call, from 1 on; 0: none, they are only counted
//   FAIL_HOW    "once", "forever" (it and every later one), "before" (killed before that call) or
//               "after" (killed after it)
//   FAIL_COUNT  a file that gets one byte for each call, so that a test knows how many there are
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

enum class Now { kGo, kFail, kKillBehind };

std::string_view Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

long Number(std::string_view text) {
  long number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Count is what is to become of the next call.
Now Count() {
  static long calls = 0;
  static const long at = Number(Variable("FAIL_AT"));
  static const std::string_view how = Variable("FAIL_HOW");
  static const int counter = static_cast<int>(syscall(
      SYS_open, std::getenv("FAIL_COUNT"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  ++calls;
  if (counter >= 0) (void)syscall(SYS_write, counter, ".", 1);
  if (at == 0 || calls < at || (calls > at && how != "forever")) return Now::kGo;
  if (how == "before") (void)raise(SIGKILL);
  return how == "after" ? Now::kKillBehind : Now::kFail;
}

template <typename Function>
Function* Real(Function* /*type*/, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Call makes the call, or has it fail as on a full disk.
template <typename Function, typename... Arguments>
auto Call(Function* type, const char* name, Arguments... arguments) {
  const Now now = Count();
  if (now == Now::kFail) {
    errno = ENOSPC;
    return decltype(type(arguments...))(-1);
  }
  const auto result = Real(type, name)(arguments...);
  if (now == Now::kKillBehind) (void)raise(SIGKILL);
  return result;
}

bool IsFile(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  if (!IsFile(fd)) return Real(&write, "write")(fd, data, size);
  return Call(&write, "write", fd, data, size);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  if (!IsFile(fd)) return Real(&writev, "writev")(fd, parts, count);
  return Call(&writev, "writev", fd, parts, count);
}

int fsync(int fd) { return Call(&fsync, "fsync", fd); }
int fchmod(int fd, mode_t mode) { return Call(&fchmod, "fchmod", fd, mode); }
int mkostemp(char* name, int flags) { return Call(&mkostemp, "mkostemp", name, flags); }
int mkdir(const char* path, mode_t mode) { return Call(&mkdir, "mkdir", path, mode); }
int rename(const char* from, const char* to) noexcept { return Call(&rename, "rename", from, to); }
int unlink(const char* path) noexcept { return Call(&unlink, "unlink", path); }

}  // extern "C"
