// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <array>
#include <chrono>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

namespace cotter::base {

Time Now() noexcept {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return Time{std::chrono::floor<std::chrono::seconds>(since_epoch).count()};
}

std::int64_t SecondsSinceBoot() noexcept {
  timespec time{};
  // Fails for no clock that Linux has had since 2.6.39.
  if (clock_gettime(CLOCK_BOOTTIME, &time) != 0) return 0;
  return time.tv_sec;
}

std::string BootId() {
  // Without a stream, which would bring all locales into a library that only wants the time.
  std::array<char, 64> text;
  const int file = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  const ssize_t size = file < 0 ? -1 : ::read(file, text.data(), text.size());
  if (file >= 0) ::close(file);
  const std::string id(text.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  return id.substr(0, id.find('\n'));
}

}  // namespace cotter::base
