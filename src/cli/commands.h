// SPDX-License-Identifier: Apache-2.0
//
// Every command of cotter. The list is made by the build from the files in src/cli/commands.
// Constant data with static storage.
#pragma once

#include <span>
#include <string_view>

#include "cli/option.h"

namespace cotter::cli {

// AllCommands is every command, hidden ones among them, sorted by name.
[[nodiscard]] std::span<const Command* const> AllCommands() noexcept;

// FindCommand is the command called `name`, or null.
[[nodiscard]] const Command* FindCommand(std::string_view name) noexcept;

}  // namespace cotter::cli
