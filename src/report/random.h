// SPDX-License-Identifier: Apache-2.0
//
// Randomness of the system, where the caller brings none. Safe from any thread.
#pragma once

#include <cotter/report_spool.h>

namespace cotter::report {

// SystemRandom is `given`, or the system's source where it is empty.
[[nodiscard]] RandomFunction OrSystemRandom(RandomFunction given);

// Jitter is a number from 0 to `most`.
[[nodiscard]] std::int64_t Jitter(const RandomFunction& random, std::int64_t most);

}  // namespace cotter::report
