// SPDX-License-Identifier: Apache-2.0
//
// Run starts a program, feeds it, collects what it says, and ends it at a deadline with all its
// children. For tests: whatever the system refuses ends the process. Safe from any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cotter/result.h>

namespace cotter::test {

// ProcessOptions says how a program is run.
struct ProcessOptions {
  std::string input;                     // its standard input, which then ends
  std::vector<std::string> environment;  // NAME=VALUE, in place of the variables of these names
  std::chrono::milliseconds deadline{std::chrono::seconds(30)};
};

// ProcessResult is how a program ended.
struct ProcessResult {
  int status = -1;         // its exit status, or 128 and the number of the signal that killed it
  bool timed_out = false;  // the deadline came first
  std::string out;
  std::string err;
};

namespace process_detail {

// Channel is one of the three standard streams, seen from outside.
struct Channel {
  int ours = -1;
  int theirs = -1;
};

// A socket pair, because writing to one whose reader has gone need not raise SIGPIPE.
inline Channel MakeInput() {
  std::array<int, 2> ends{};
  COTTER_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  COTTER_CHECK(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
  return {ends[0], ends[1]};
}

inline Channel MakeOutput() {
  std::array<int, 2> ends{};
  COTTER_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
  COTTER_CHECK(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
  return {ends[0], ends[1]};
}

inline void CloseEnd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

inline std::vector<std::string> Environment(const std::vector<std::string>& changes) {
  std::vector<std::string> all = changes;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool changed = std::any_of(changes.begin(), changes.end(),
                                     [&](const std::string& c) { return c.starts_with(name); });
    if (!changed) all.emplace_back(text);
  }
  return all;
}

inline std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

inline pid_t Spawn(std::vector<std::string> command, const ProcessOptions& options,
                   const std::array<Channel, 3>& channels) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  COTTER_CHECK(posix_spawn_file_actions_init(&actions) == 0);
  COTTER_CHECK(posix_spawnattr_init(&attributes) == 0);
  for (int stream = 0; stream < 3; ++stream) {
    const int theirs = channels[static_cast<std::size_t>(stream)].theirs;
    COTTER_CHECK(posix_spawn_file_actions_adddup2(&actions, theirs, stream) == 0);
  }
  // A process group of its own, so that its children end with it.
  COTTER_CHECK(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP) == 0);
  std::vector<std::string> environment = Environment(options.environment);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, command.at(0).c_str(), &actions, &attributes,
                                 Pointers(command).data(), Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? pid : -1;
}

inline void Feed(Channel& input, std::string_view& left) {
  const ssize_t count = ::send(input.ours, left.data(), left.size(), MSG_NOSIGNAL);
  if (count > 0) left.remove_prefix(static_cast<std::size_t>(count));
  const bool gone = count < 0 && errno != EAGAIN && errno != EINTR;
  if (left.empty() || gone) CloseEnd(input.ours);
}

// Collect takes what is there; false at the end.
inline bool Collect(int fd, std::string& text) {
  std::array<char, 65536> buffer{};
  const ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

inline int Reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) COTTER_CHECK(errno == EINTR);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace process_detail

// Run runs `command`, found on the PATH, to its end. A program that cannot be started has status
// 127.
[[nodiscard]] inline ProcessResult Run(const std::vector<std::string>& command,
                                       const ProcessOptions& options = {}) {
  using process_detail::Channel, process_detail::CloseEnd, process_detail::Collect;
  const auto deadline = std::chrono::steady_clock::now() + options.deadline;
  std::array<Channel, 3> channels = {process_detail::MakeInput(), process_detail::MakeOutput(),
                                     process_detail::MakeOutput()};
  auto& [input, out, err] = channels;
  ProcessResult result;
  const pid_t pid = process_detail::Spawn(command, options, channels);
  for (Channel& channel : channels) CloseEnd(channel.theirs);
  int process = pid < 0 ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  std::string_view left = options.input;
  if (left.empty()) CloseEnd(input.ours);
  bool running = process >= 0;
  while (running) {
    const auto wait =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    std::array<pollfd, 4> watched = {pollfd{process, POLLIN, 0}, pollfd{input.ours, POLLOUT, 0},
                                     pollfd{out.ours, POLLIN, 0}, pollfd{err.ours, POLLIN, 0}};
    const int ready = ::poll(watched.data(), watched.size(),
                             static_cast<int>(std::max<std::int64_t>(wait.count(), 0)));
    result.timed_out = ready == 0;
    if (watched[1].revents != 0) process_detail::Feed(input, left);
    if (watched[2].revents != 0 && !Collect(out.ours, result.out)) CloseEnd(out.ours);
    if (watched[3].revents != 0 && !Collect(err.ours, result.err)) CloseEnd(err.ours);
    running = !result.timed_out && watched[0].revents == 0;
  }
  if (pid > 0) {
    ::kill(-pid, SIGKILL);
    result.status = process_detail::Reap(pid);
    for (std::size_t size = 1; size != result.out.size() + result.err.size() + 1;) {
      size = result.out.size() + result.err.size() + 1;
      if (out.ours >= 0) static_cast<void>(Collect(out.ours, result.out));
      if (err.ours >= 0) static_cast<void>(Collect(err.ours, result.err));
    }
  } else {
    result.status = 127;
  }
  CloseEnd(process);
  for (Channel& channel : channels) CloseEnd(channel.ours);
  return result;
}

}  // namespace cotter::test
