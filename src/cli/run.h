// SPDX-License-Identifier: Apache-2.0
//
// The program: find the command, parse its line, run it, finish the output.
#pragma once

#include <span>

#include "cli/exit.h"

namespace cotter::cli {

// Run is main() behind its argument array, the program's own name left out. Called once.
[[nodiscard]] Exit Run(std::span<const char* const> words);

}  // namespace cotter::cli
