// SPDX-License-Identifier: Apache-2.0
#include "probe/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <system_error>

namespace cotter::probe {

void ForEachIndex(std::size_t count, std::size_t most,
                  const std::function<void(std::size_t)>& task) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) task(i);
  };
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min(count, most); ++i) {
    try {
      helpers.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // the threads there are take the rest
    }
  }
  work();
}

}  // namespace cotter::probe
