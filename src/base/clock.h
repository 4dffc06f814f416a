// SPDX-License-Identifier: Apache-2.0
//
// The one place that reads the wall clock. Decisions take the time as a parameter.
#pragma once

#include <cotter/time.h>

namespace cotter::base {

// Now is the system's UTC time. Safe from any thread.
[[nodiscard]] Time Now() noexcept;

}  // namespace cotter::base
