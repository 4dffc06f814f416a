// SPDX-License-Identifier: Apache-2.0
#include "net/async/listener.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cotter/host.h>

namespace cotter::net {
namespace {

constexpr int kBacklog = 4096;  // the kernel cuts it at net.core.somaxconn

// What service managers hand over begins behind standard error (sd_listen_fds(3)).
constexpr int kFirstInherited = 3;

Error Failed(const ListenAddress& where, int number) {
  Error error = ErrorOf(number, "listening on " + where.ToString());
  error.code = Code::kNetworkError;
  return error;
}

Result<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{Code::kNetworkError, path + ": the path of a Unix socket has at most 107 bytes"};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

// MakeWay sees to it that a socket may take the place of what is at `path`.
Result<void> MakeWay(const ListenAddress& where, const sockaddr_un& address) {
  struct stat status {};
  if (lstat(where.unix_path.c_str(), &status) != 0) {
    return errno == ENOENT ? Ok() : Result<void>(Failed(where, errno));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error{Code::kNetworkError, where.ToString() + ": a file that is no socket stands there"};
  }
  const Socket probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.fd() < 0) return Failed(where, errno);
  if (connect(probe.fd(), Generic(address), sizeof address) == 0 || errno == EAGAIN) {
    return Error{Code::kNetworkError, where.ToString() + ": another process listens there"};
  }
  return errno == ECONNREFUSED ? Ok() : Result<void>(Failed(where, errno));
}

Result<Socket> ListenUnix(const ListenAddress& where, unsigned permissions) {
  const Result<sockaddr_un> address = UnixAddress(where.unix_path);
  if (!address) return address.error();
  if (Result<void> free = MakeWay(where, *address); !free) return free.error();
  // Bound beside its place and moved there when it is ready, so nobody meets half a socket.
  const std::string beside = where.unix_path + "." + std::to_string(getpid());
  const Result<sockaddr_un> temporary = UnixAddress(beside);
  if (!temporary) return temporary.error();
  Socket made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.fd() < 0) return Failed(where, errno);
  unlink(beside.c_str());
  if (bind(made.fd(), Generic(*temporary), sizeof *temporary) != 0) return Failed(where, errno);
  if (chmod(beside.c_str(), static_cast<mode_t>(permissions)) != 0 ||
      listen(made.fd(), kBacklog) != 0 || rename(beside.c_str(), where.unix_path.c_str()) != 0) {
    const int number = errno;
    unlink(beside.c_str());
    return Failed(where, number);
  }
  return made;
}

Result<Socket> ListenTcp(const ListenAddress& where) {
  const Address& address = *where.address;
  Socket made(socket(address.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.fd() < 0) return Failed(where, errno);
  const int on = 1;
  // A restart must not wait for connections of the last run to be forgotten.
  setsockopt(made.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(made.fd(), address.data(), address.size()) != 0 || listen(made.fd(), kBacklog) != 0) {
    return Failed(where, errno);
  }
  return made;
}

std::optional<int> Number(const char* text) {
  if (text == nullptr) return std::nullopt;
  int number = 0;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

// sd_listen_fds(3), spoken directly: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES.
Result<Socket> TakeInherited(const ListenAddress& where) {
  const std::optional<int> pid = Number(std::getenv("LISTEN_PID"));
  const std::optional<int> count = Number(std::getenv("LISTEN_FDS"));
  const char* const named = std::getenv("LISTEN_FDNAMES");
  if (pid == getpid() && count && named != nullptr) {
    std::string_view names(named);
    for (int i = 0; i < *count; ++i) {
      const std::size_t colon = names.find(':');
      if (names.substr(0, colon) == where.inherited) {
        const int fd = kFirstInherited + i;
        // A second reader of the same name, at a reload, gets its own descriptor.
        Socket taken(fcntl(fd, F_DUPFD_CLOEXEC, kFirstInherited));
        if (taken.fd() < 0) return Failed(where, errno);
        fcntl(taken.fd(), F_SETFL, fcntl(taken.fd(), F_GETFL) | O_NONBLOCK);
        return taken;
      }
      names = colon == std::string_view::npos ? std::string_view{} : names.substr(colon + 1);
    }
  }
  return Error{Code::kNetworkError,
               where.ToString() + ": the service manager handed over no socket of that name"};
}

}  // namespace

std::string ListenAddress::ToString() const {
  if (address) return address->ToString();
  return unix_path.empty() ? "systemd:" + inherited : "unix:" + unix_path;
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  const auto wrong = [&] {
    return Error{Code::kUsage, "\"" + std::string(text) +
                                   "\": expected ADDRESS:PORT, unix:/PATH or systemd:NAME"};
  };
  ListenAddress where;
  if (text.starts_with("unix:")) {
    where.unix_path = text.substr(5);
    if (!where.unix_path.starts_with('/') || where.unix_path.find('\0') != std::string::npos) {
      return wrong();
    }
    return where;
  }
  if (text.starts_with("systemd:")) {
    where.inherited = text.substr(8);
    if (where.inherited.empty()) return wrong();
    return where;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  if (port_text != "0") {
    const Result<std::uint16_t> parsed = ParsePort(port_text);
    if (!parsed) return wrong();
    port = *parsed;
  }
  Result<Address> address = Address::FromText(std::string(host), port);
  if (!address) return wrong();
  where.address = *address;
  return where;
}

Listener::Listener(Listener&& other) noexcept
    : socket_(std::move(other.socket_)),
      bound_(std::move(other.bound_)),
      file_device_(other.file_device_),
      file_inode_(std::exchange(other.file_inode_, 0)) {}

Listener::~Listener() {
  if (file_inode_ == 0) return;
  // Another process may have taken the place meanwhile: its file is not ours to remove.
  struct stat status {};
  if (lstat(bound_.unix_path.c_str(), &status) == 0 && status.st_dev == file_device_ &&
      status.st_ino == file_inode_) {
    unlink(bound_.unix_path.c_str());
  }
}

void Listener::NoteFile() noexcept {
  struct stat status {};
  if (lstat(bound_.unix_path.c_str(), &status) != 0) return;
  file_device_ = status.st_dev;
  file_inode_ = status.st_ino;
}

Result<Listener> Listener::Listen(const ListenAddress& where, unsigned permissions) {
  Result<Socket> made = where.address             ? ListenTcp(where)
                        : where.unix_path.empty() ? TakeInherited(where)
                                                  : ListenUnix(where, permissions);
  if (!made) return made.error();
  Listener listener(*std::move(made), where);
  if (!where.unix_path.empty()) listener.NoteFile();
  if (where.address) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&name));
    if (getsockname(listener.fd(), generic, &size) != 0) return Failed(where, errno);
    if (auto bound = Address::FromSockaddr(generic, size)) listener.bound_.address = *bound;
  }
  return listener;
}

Result<void> Listener::SetPermissions(unsigned permissions) const {
  if (file_inode_ == 0) return Ok();
  if (chmod(bound_.unix_path.c_str(), static_cast<mode_t>(permissions)) == 0) return Ok();
  return Failed(bound_, errno);
}

bool Listener::IsPrivate() const noexcept {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&name));
  if (getsockname(fd(), generic, &size) != 0) return false;
  if (name.ss_family == AF_UNIX) return true;
  const auto address = Address::FromSockaddr(generic, size);
  return address && address->is_loopback();
}

Result<std::unique_ptr<Acceptor>> Acceptor::Start(EventLoop& loop, Listener listener,
                                                  Accepted accepted) {
  std::unique_ptr<Acceptor> acceptor(new Acceptor(loop, std::move(listener), std::move(accepted)));
  Result<Watch> watch = loop.WatchFor(acceptor->listener_.fd(), *acceptor);
  if (!watch) return std::move(watch).error();
  acceptor->watch_ = *std::move(watch);
  return acceptor;
}

Acceptor::Acceptor(EventLoop& loop, Listener listener, Accepted accepted)
    : loop_(loop),
      listener_(std::move(listener)),
      accepted_(std::move(accepted)),
      again_(loop.timers(), [this] { OnReady({}); }),
      reserve_(open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

void Acceptor::OnReady(Readiness /*ready*/) {
  try {
    AcceptMany();
  } catch (const std::bad_alloc&) {
    // Nobody tells again of those who wait.
    again_.ArmAt(loop_.now() + std::chrono::milliseconds(100));
  }
}

void Acceptor::AcceptMany() {
  // So many at once that connections which are open get their turn in between.
  constexpr int kAtOnce = 64;
  for (int i = 0; i < kAtOnce; ++i) {
    if (!AcceptOne()) return;
  }
  again_.ArmAt(loop_.now());
}

// AcceptOne reports whether there may be more.
bool Acceptor::AcceptOne() {
  Socket client(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (client.fd() >= 0) {
    if (reserve_.fd() < 0) reserve_ = Socket(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int on = 1;
    // Fails on Unix sockets, which need it not.
    setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    accepted_(std::move(client));
    return true;
  }
  switch (errno) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
      return true;
    case EMFILE:
    case ENFILE:
      return Shed();
    case ENOBUFS:
    case ENOMEM:
      again_.ArmAt(loop_.now() + std::chrono::milliseconds(100));
      return false;
    default:
      return false;
  }
}

// Shed closes a connection for which there is no descriptor: its client learns at once that it is
// not served, and the queue does not keep the loop busy.
bool Acceptor::Shed() {
  if (reserve_.fd() < 0) {
    again_.ArmAt(loop_.now() + std::chrono::milliseconds(100));
    return false;
  }
  reserve_ = Socket();
  Socket unwanted(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  const bool taken = unwanted.fd() >= 0;
  if (taken) ++shed_;
  unwanted = Socket();
  reserve_ = Socket(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return taken;
}

}  // namespace cotter::net
