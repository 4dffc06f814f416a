// SPDX-License-Identifier: Apache-2.0
//
// The one place that reads clocks. Decisions take the time as a parameter.
#pragma once

#include <cstdint>
#include <string>

#include <cotter/time.h>

namespace cotter::base {

// Now is the system's UTC time. Safe from any thread.
[[nodiscard]] Time Now() noexcept;

// SecondsSinceBoot counts on while the machine sleeps, and nobody can put it back. Safe from any
// thread.
[[nodiscard]] std::int64_t SecondsSinceBoot() noexcept;

// BootId names this start of the machine; empty where the system does not say. Allocates.
[[nodiscard]] std::string BootId();

}  // namespace cotter::base
