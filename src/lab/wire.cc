// SPDX-License-Identifier: Apache-2.0
#include "lab/wire.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cotter::lab {
namespace {

using std::chrono::milliseconds;

// How long a peer may take to notice that the server closed.
constexpr milliseconds kLinger{500};

int MillisecondsUntil(std::chrono::steady_clock::time_point moment) {
  const auto left =
      std::chrono::ceil<milliseconds>(moment - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

bool IsTransient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Descriptor::~Descriptor() { Close(); }

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Descriptor::Close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

bool Wire::Await(Direction direction) const {
  short events = POLLRDHUP;
  if (direction == Direction::kRead) events = POLLIN;
  if (direction == Direction::kWrite) events = POLLOUT;
  while (true) {
    std::array<pollfd, 2> watched = {pollfd{socket_.get(), events, 0},
                                     pollfd{limits_.stop_fd, POLLIN, 0}};
    const int ready = ::poll(watched.data(), watched.size(), MillisecondsUntil(limits_.deadline));
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0 && watched[1].revents == 0;
  }
}

bool Wire::Pause(milliseconds pause) const {
  const auto end = std::min(std::chrono::steady_clock::now() + pause, limits_.deadline);
  while (true) {
    pollfd stop{limits_.stop_fd, POLLIN, 0};
    const int ready = ::poll(&stop, 1, MillisecondsUntil(end));
    if (ready < 0 && errno == EINTR) continue;
    return ready == 0 && end < limits_.deadline;
  }
}

std::size_t Wire::Read(std::span<std::uint8_t> buffer) {
  while (socket_.valid() && Await(Direction::kRead)) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (!IsTransient(errno)) return 0;
  }
  return 0;
}

bool Wire::Write(ByteView bytes) {
  if (limits_.dribble.count() == 0) return WriteChunk(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!WriteChunk(bytes.subspan(i, 1)) || !Pause(limits_.dribble)) return false;
  }
  return true;
}

bool Wire::WriteChunk(ByteView bytes) {
  while (!bytes.empty()) {
    if (!socket_.valid() || !Await(Direction::kWrite)) return false;
    const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && !IsTransient(errno)) return false;
    if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

void Wire::Drain() {
  std::array<std::uint8_t, 4096> ignored{};
  while (Read(ignored) > 0) {
  }
}

void Wire::AwaitEnd() { static_cast<void>(Await(Direction::kHangUp)); }

void Wire::CloseWriting() noexcept { ::shutdown(socket_.get(), SHUT_WR); }

void Wire::CloseGently() {
  CloseWriting();
  limits_.deadline = std::min(limits_.deadline, std::chrono::steady_clock::now() + kLinger);
  Drain();
  socket_.Close();
}

void Wire::Reset() noexcept {
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.Close();
}

}  // namespace cotter::lab
