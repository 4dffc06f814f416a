// SPDX-License-Identifier: Apache-2.0
//
// The exit codes of cotter, and how those of many targets become one. Plain values, safe from any
// thread.
#pragma once

#include <initializer_list>

#include <cotter/code.h>

namespace cotter::cli {

// Exit is how the program ends.
enum class Exit : int {
  kSatisfied = 0,  // the answer is yes, or the work is done
  kViolated = 1,   // the answer is no
  kUsage = 2,      // the command line or an input is not usable
  kUndecided = 3,  // could not tell: network, time-out, a search over its bound
};

// MergeExits is the exit code of a run over many targets: 2 before 1 before 3 before 0, so that the
// strongest reason to act is the one seen.
[[nodiscard]] constexpr Exit MergeExits(Exit a, Exit b) noexcept {
  for (const Exit strongest : {Exit::kUsage, Exit::kViolated, Exit::kUndecided}) {
    if (a == strongest || b == strongest) return strongest;
  }
  return a;
}

// ExitOf is the exit code that an error or a reason with `code` leads to.
[[nodiscard]] Exit ExitOf(Code code) noexcept;

}  // namespace cotter::cli
