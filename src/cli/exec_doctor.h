// SPDX-License-Identifier: Apache-2.0
//
// `cotter exec --doctor`: is a program covered, and why not. For one thread.
#pragma once

#include <string>
#include <vector>

#include "cli/exit.h"
#include "cli/output.h"

namespace cotter::cli {

enum class DoctorForm { kText, kJson };

// RunDoctor looks at the program that `words` begins with and prints what it found.
[[nodiscard]] Exit RunDoctor(const std::vector<std::string>& words, DoctorForm form,
                             Output& output);

}  // namespace cotter::cli
