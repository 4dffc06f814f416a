// SPDX-License-Identifier: Apache-2.0
#include "net/async/signals.h"

#include <cerrno>
#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

namespace cotter::net {

Result<void> BlockSignals(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  const int failed = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (failed != 0) return ErrorOf(failed, "blocking signals");
  return Ok();
}

Result<std::unique_ptr<SignalWatch>> SignalWatch::Start(EventLoop& loop,
                                                        std::initializer_list<int> signals,
                                                        std::function<void(int)> caught) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  if (const Result<void> blocked = BlockSignals(signals); !blocked) return blocked.error();
  Socket descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (descriptor.fd() < 0) return ErrorOf(errno, "watching signals");
  std::unique_ptr<SignalWatch> made(new SignalWatch(std::move(descriptor), std::move(caught)));
  Result<Watch> watch = loop.WatchFor(made->descriptor_.fd(), *made);
  if (!watch) return std::move(watch).error();
  made->watch_ = *std::move(watch);
  return made;
}

void SignalWatch::OnReady(Readiness /*ready*/) {
  signalfd_siginfo info{};
  while (read(descriptor_.fd(), &info, sizeof info) == sizeof info) {
    caught_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace cotter::net
