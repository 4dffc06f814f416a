// SPDX-License-Identifier: Apache-2.0
//
// Help as text, rendered from the command table. Pure, safe from any thread.
#pragma once

#include <string>

#include "cli/option.h"

namespace cotter::cli {

// RenderOverview is what `cotter help` prints: every command that is shown, with its summary.
[[nodiscard]] std::string RenderOverview();

// RenderHelp is the help of one command: usage, what it does, arguments, options, exit codes and
// examples.
[[nodiscard]] std::string RenderHelp(const Command& command);

// RenderUsage is the usage line without its heading: "cotter pins [OPTION...] TARGET...".
[[nodiscard]] std::string RenderUsage(const Command& command);

// RenderOption is an option as help and man pages show it: "-4, --ipv4" or "--timeout SECONDS".
[[nodiscard]] std::string RenderOption(const Option& option);

// DescribeArgument is the help of an argument with its choices.
[[nodiscard]] std::string DescribeArgument(const Argument& argument);

// DescribeOption is the help of an option with its choices and whether it may be repeated.
[[nodiscard]] std::string DescribeOption(const Option& option);

// RenderArgument is an argument as usage lines show it: "TARGET..." or "[COMMAND]".
[[nodiscard]] std::string RenderArgument(const Argument& argument);

}  // namespace cotter::cli
