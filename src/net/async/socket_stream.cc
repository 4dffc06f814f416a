// SPDX-License-Identifier: Apache-2.0
#include "net/async/socket_stream.h"

#include <array>
#include <bit>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace cotter::net {
namespace {

bool WouldBlock(int number) { return number == EAGAIN || number == EWOULDBLOCK; }

// sendmsg only reads, but its type does not say so.
iovec Piece(ByteView bytes) { return {std::bit_cast<void*>(bytes.data()), bytes.size()}; }

}  // namespace

IoResult DescriptorReader::Read(int fd, std::span<std::uint8_t> into) noexcept {
  if (drained_) return {IoState::kWouldBlock, 0};
  ssize_t count = -1;
  do {
    count = recv(fd, into.data(), into.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    const auto size = static_cast<std::size_t>(count);
    drained_ = !ended_ && size < into.size();
    return {IoState::kDone, size};
  }
  if (count == 0) return {IoState::kEnd, 0};
  if (!WouldBlock(errno)) return {IoState::kFailed, 0};
  drained_ = true;
  return {IoState::kWouldBlock, 0};
}

IoResult SocketStream::Read(std::span<std::uint8_t> into) {
  const IoResult result = reader_.Read(socket_.fd(), into);
  if (result.state == IoState::kFailed) error_ = ErrorOf(errno, "reading");
  return result;
}

IoResult SocketStream::Write(ByteView first, ByteView second) {
  std::array<iovec, 2> pieces{Piece(first), Piece(second)};
  msghdr message{};
  message.msg_iov = first.empty() ? &pieces[1] : pieces.data();
  message.msg_iovlen = first.empty() || second.empty() ? 1 : 2;
  ssize_t count = -1;
  do {
    count = sendmsg(socket_.fd(), &message, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count >= 0) return {IoState::kDone, static_cast<std::size_t>(count)};
  if (WouldBlock(errno)) return {IoState::kWouldBlock, 0};
  error_ = ErrorOf(errno, "writing");
  return {IoState::kFailed, 0};
}

IoState SocketStream::EndWriting() {
  if (shutdown(socket_.fd(), SHUT_WR) == 0) return IoState::kDone;
  error_ = ErrorOf(errno, "closing");
  return IoState::kFailed;
}

void SocketStream::ResetOnClose() noexcept {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

Result<Socket> StartConnect(const Address& address) {
  Socket made(
      socket(address.data()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  const auto failed = [&address](int number) {
    return ErrorOf(number, "connecting to " + address.ToString());
  };
  if (made.fd() < 0) return failed(errno);
  const int on = 1;
  setsockopt(made.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(made.fd(), address.data(), address.size()) == 0) return made;
  if (errno != EINPROGRESS && errno != EINTR) return failed(errno);
  return made;
}

Result<void> FinishConnect(const Socket& socket, const Address& address) {
  int failure = 0;
  socklen_t size = sizeof failure;
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
  if (failure != 0) return ErrorOf(failure, "connecting to " + address.ToString());
  return Ok();
}

}  // namespace cotter::net
