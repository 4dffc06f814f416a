// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <chrono>

namespace cotter::base {

Time Now() noexcept {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return Time{std::chrono::floor<std::chrono::seconds>(since_epoch).count()};
}

}  // namespace cotter::base
