// SPDX-License-Identifier: Apache-2.0
//
// Shell completions, rendered from the command table. Pure, safe from any thread.
#pragma once

#include <string>

namespace cotter::cli {

// RenderBashCompletion is the script that bash-completion loads as "cotter".
[[nodiscard]] std::string RenderBashCompletion();

// RenderZshCompletion is the function that zsh loads as "_cotter".
[[nodiscard]] std::string RenderZshCompletion();

// RenderFishCompletion is the file that fish loads as "cotter.fish".
[[nodiscard]] std::string RenderFishCompletion();

}  // namespace cotter::cli
