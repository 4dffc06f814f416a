// SPDX-License-Identifier: Apache-2.0
//
// Runs one task for each of a few addresses, some at a time. For the files of this room.
#pragma once

#include <cstddef>
#include <functional>

namespace cotter::probe {

// ForEachIndex calls `task` with 0 … count-1, each once, on at most `most` threads, and returns
// when all are done. Where no more threads can be had, fewer do the work. `task` must not throw.
void ForEachIndex(std::size_t count, std::size_t most,
                  const std::function<void(std::size_t)>& task);

}  // namespace cotter::probe
