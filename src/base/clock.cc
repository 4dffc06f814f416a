// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <chrono>
#include <fstream>

#include <time.h>

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
  std::string id;
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::getline(file, id);
  return id;
}

}  // namespace cotter::base
