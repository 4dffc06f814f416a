// SPDX-License-Identifier: Apache-2.0
#include "report/random.h"

#include <random>
#include <utility>

namespace cotter::report {

RandomFunction OrSystemRandom(RandomFunction given) {
  if (given) return given;
  return [] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32U) | device();
  };
}

std::int64_t Jitter(const RandomFunction& random, std::int64_t most) {
  return static_cast<std::int64_t>(random() % (static_cast<std::uint64_t>(most) + 1));
}

}  // namespace cotter::report
