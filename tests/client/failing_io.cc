// SPDX-License-Identifier: Apache-2.0
#include "tests/client/failing_io.h"

#include <cerrno>
#include <cstddef>

#include <dlfcn.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

namespace cotter::test {
namespace {

struct Plan {
  bool armed = false;
  bool struck = false;
  long left = 0;
  IoFault fault = IoFault::kError;
  int error = 0;
};

thread_local Plan plan;

bool Strikes() noexcept {
  if (!plan.armed || plan.struck) return false;
  if (plan.left-- > 0) return false;
  plan.struck = true;
  return true;
}

// The C library's function of that name.
template <typename Function>
Function Real(const char* name) noexcept {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

int Fail() noexcept {
  errno = plan.fault == IoFault::kError ? plan.error : ECONNRESET;
  return -1;
}

// Call is a call that moves no bytes: there "one byte" is no fault.
template <typename Function, typename... Arguments>
int Call(const char* name, Arguments... arguments) noexcept {
  const bool fails = Strikes() && plan.fault != IoFault::kOneByte;
  return fails ? Fail() : Real<Function>(name)(arguments...);
}

}  // namespace

FailingIo::FailingIo(long call, IoFault fault, int error) noexcept {
  plan = {.armed = true, .left = call, .fault = fault, .error = error};
}

FailingIo::~FailingIo() { plan = {}; }

bool FailingIo::struck() const noexcept { return plan.struck; }

}  // namespace cotter::test

using namespace cotter::test;  // NOLINT(google-build-using-namespace): C functions follow

extern "C" {

int socket(int domain, int type, int protocol) noexcept {
  return Call<decltype(&socket)>("socket", domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int fds[2]) noexcept {
  return Call<decltype(&socketpair)>("socketpair", domain, type, protocol, fds);
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  return Call<decltype(&connect)>("connect", fd, address, size);
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  return Call<decltype(&getsockopt)>("getsockopt", fd, level, name, value, size);
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  return Call<decltype(&setsockopt)>("setsockopt", fd, level, name, value, size);
}

int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
  return Call<decltype(&getpeername)>("getpeername", fd, address, size);
}

int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
  return Call<decltype(&getsockname)>("getsockname", fd, address, size);
}

int poll(pollfd* fds, nfds_t count, int timeout) {
  return Call<decltype(&poll)>("poll", fds, count, timeout);
}

ssize_t send(int fd, const void* bytes, std::size_t size, int flags) {
  const auto real = Real<decltype(&send)>("send");
  if (!Strikes()) return real(fd, bytes, size, flags);
  if (plan.fault == IoFault::kOneByte) return real(fd, bytes, size > 0 ? 1 : 0, flags);
  return Fail();
}

ssize_t recv(int fd, void* bytes, std::size_t size, int flags) {
  const auto real = Real<decltype(&recv)>("recv");
  if (!Strikes()) return real(fd, bytes, size, flags);
  if (plan.fault == IoFault::kOneByte) return real(fd, bytes, size > 0 ? 1 : 0, flags);
  if (plan.fault == IoFault::kEnd) return 0;
  return Fail();
}

}  // extern "C"
