// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/socket.h"
#include "watch/messages.h"
#include "watch/sink.h"

namespace cotter::watch {
namespace {

using Clock = std::chrono::steady_clock;

Error Undelivered(const std::string& why) { return Error{Code::kAlertUndelivered, why}; }

// Milliseconds that are left, for poll(2).
int Left(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

// Actions are what posix_spawn(3) does between fork and exec.
class Actions {
 public:
  explicit Actions(int standard_input) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, standard_input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes_);
    // Watch takes its signals from a descriptor; the program gets them as usual, in a group of its
    // own that can be ended as a whole.
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  // Spawn is the process, or -1 with errno.
  pid_t Spawn(std::vector<std::string> arguments) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    std::string path = "PATH=/usr/local/bin:/usr/bin:/bin";
    std::array<char*, 2> environment{path.data(), nullptr};
    pid_t process = -1;
    errno = posix_spawn(&process, pointers[0], &actions_, &attributes_, pointers.data(),
                        environment.data());
    return errno == 0 ? process : -1;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// Feed writes `text`, and ends early where nobody reads it: many programs do not.
void Feed(net::Socket input, std::string_view text, Clock::time_point end) {
  while (!text.empty()) {
    const ssize_t written = send(input.fd(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return;
    pollfd room{input.fd(), POLLOUT, 0};
    if (poll(&room, 1, Left(end)) <= 0) return;
  }
}

// Await waits for the process until `end`, and ends it then. nullopt where it took too long.
std::optional<int> Await(pid_t process, Clock::time_point end) {
  const net::Socket handle(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  pollfd ended{handle.fd(), POLLIN, 0};
  bool in_time = false;
  while (Left(end) > 0 && !in_time) in_time = poll(&ended, 1, Left(end)) == 1;
  if (!in_time) kill(-process, SIGKILL);
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return std::nullopt;
  return status;
}

class CommandSink final : public Sink {
 public:
  explicit CommandSink(SinkConfig config) : config_(std::move(config)) {}

  Result<void> Tell(std::span<const Notification> notifications, Time /*now*/) override {
    for (const Notification& notification : notifications) {
      if (Result<void> told = TellOne(notification); !told) return told;
    }
    return Ok();
  }

 private:
  Result<void> TellOne(const Notification& notification) {
    const Clock::time_point end = Clock::now() + config_.timeout;
    std::array<int, 2> pair{};
    // A socket, because a write to a pipe that nobody reads is a signal.
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
      return Undelivered(std::strerror(errno));
    }
    net::Socket ours(pair[0]);
    net::Socket theirs(pair[1]);
    const pid_t process = Actions(theirs.fd()).Spawn(config_.command);
    if (process < 0) return Undelivered(config_.command.front() + ": " + std::strerror(errno));
    theirs = net::Socket(-1);
    Feed(std::move(ours), GenericJson(notification) + "\n", end);
    const std::optional<int> status = Await(process, end);
    if (!status) {
      return Undelivered("the command did not end within " +
                         std::to_string(config_.timeout.count()) + " seconds");
    }
    if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return Ok();
    return Undelivered(WIFEXITED(*status)
                           ? "the command ended with status " + std::to_string(WEXITSTATUS(*status))
                           : "the command was ended by signal " +
                                 std::to_string(WTERMSIG(*status)));
  }

  SinkConfig config_;
};

}  // namespace

std::unique_ptr<Sink> MakeCommandSink(const SinkConfig& config) {
  return std::make_unique<CommandSink>(config);
}

}  // namespace cotter::watch
