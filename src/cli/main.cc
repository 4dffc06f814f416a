// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <span>

#include "cli/run.h"

int main(int argc, char** argv) {
  // execve() may hand over no words at all, not even the program's name.
  const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
  return static_cast<int>(cotter::cli::Run(words.empty() ? words : words.subspan(1)));
}
