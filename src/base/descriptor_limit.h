// SPDX-License-Identifier: Apache-2.0
//
// How many files and connections a process may have open. Call it once, from main's thread.
#pragma once

#include <cstddef>

namespace cotter::base {

// RaiseDescriptorLimit takes what the administrator allows, and returns how many that is: the
// default of 1024 is there for programs that use select(2).
std::size_t RaiseDescriptorLimit() noexcept;

}  // namespace cotter::base
