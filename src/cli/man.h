// SPDX-License-Identifier: Apache-2.0
//
// Man pages, rendered from the command table as man(7) source. Pure, safe from any thread.
#pragma once

#include <string>

#include "cli/option.h"

namespace cotter::cli {

// RenderManOverview is cotter(1): every command that is shown, exit codes and environment.
[[nodiscard]] std::string RenderManOverview();

// RenderMan is cotter-NAME(1).
[[nodiscard]] std::string RenderMan(const Command& command);

}  // namespace cotter::cli
