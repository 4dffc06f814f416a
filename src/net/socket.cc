// SPDX-License-Identifier: Apache-2.0
#include "net/socket.h"

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace cotter::net {

Error ErrorOf(int number, const std::string& doing) {
  Code code = Code::kNetworkError;
  if (number == ECONNREFUSED) code = Code::kConnectRefused;
  if (number == ETIMEDOUT) code = Code::kConnectTimeout;
  if (number == ECONNRESET || number == EPIPE) code = Code::kConnectionClosed;
  return Error{code, doing + ": " + std::generic_category().message(number)};
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Socket::Close() noexcept {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

Result<Socket> Socket::Connect(const Address& address, Deadline deadline) {
  const std::string doing = "connecting to " + address.ToString();
  Socket made(
      socket(address.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (made.fd_ < 0) return ErrorOf(errno, doing);
  // Handshakes are short exchanges: waiting to fill a segment only slows them down.
  const int on = 1;
  setsockopt(made.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(made.fd_, address.data(), address.size()) == 0) return made;
  if (errno != EINPROGRESS && errno != EINTR) return ErrorOf(errno, doing);
  if (!made.Wait(Ready::kToWrite, deadline)) {
    return Error{Code::kConnectTimeout, doing + ": no answer in time"};
  }
  int failure = 0;
  socklen_t size = sizeof failure;
  if (getsockopt(made.fd_, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
  if (failure != 0) return ErrorOf(failure, doing);
  return made;
}

Result<void> Socket::Wait(Ready what, Deadline deadline) const {
  for (;;) {
    const short events = what == Ready::kToRead ? POLLIN : POLLOUT;
    pollfd entry{fd_, events, 0};
    const int count = poll(&entry, 1, deadline.PollTimeout());
    if (count > 0) return Ok();
    if (count < 0 && errno != EINTR) return ErrorOf(errno, "waiting for the server");
    if (deadline.HasPassed()) {
      return Error{Code::kConnectTimeout, "the server did not answer in time"};
    }
  }
}

Result<std::optional<std::size_t>> Socket::TryRead(std::span<std::uint8_t> into) {
  for (;;) {
    const ssize_t count = recv(fd_, into.data(), into.size(), 0);
    if (count >= 0) return std::optional(static_cast<std::size_t>(count));
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return ErrorOf(errno, "reading from the server");
    return std::optional<std::size_t>();
  }
}

Result<std::optional<std::size_t>> Socket::TryWrite(ByteView bytes) {
  for (;;) {
    const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return std::optional(static_cast<std::size_t>(count));
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return ErrorOf(errno, "writing to the server");
    return std::optional<std::size_t>();
  }
}

Result<std::size_t> Socket::Read(std::span<std::uint8_t> into, Deadline deadline) {
  for (;;) {
    // Also a peer that always has a byte ready must not outlive the deadline.
    if (deadline.HasPassed()) {
      return Error{Code::kConnectTimeout, "the server did not finish in time"};
    }
    const Result<std::optional<std::size_t>> count = TryRead(into);
    if (!count) return count.error();
    if (*count) return **count;
    if (const Result<void> ready = Wait(Ready::kToRead, deadline); !ready) return ready.error();
  }
}

Result<void> Socket::WriteAll(ByteView bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const Result<std::optional<std::size_t>> count = TryWrite(bytes);
    if (!count) return count.error();
    bytes = bytes.subspan(count->value_or(0));
    if (*count) continue;
    if (const Result<void> ready = Wait(Ready::kToWrite, deadline); !ready) return ready.error();
  }
  return Ok();
}

}  // namespace cotter::net
