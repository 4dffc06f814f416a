// SPDX-License-Identifier: Apache-2.0
//
// The command line against the option table. It is parsed here and not by a library: the table
// says everything already, and what a library adds (values split at commas and brackets, "--x="
// taking the next word, options matched by a prefix) is what a security tool must not guess at.
#pragma once

#include <span>

#include "cli/arguments.h"
#include <cotter/result.h>

namespace cotter::cli {

// UsageError is a command line that is not understood, and what to do about it.
struct UsageError {
  std::string message;
  std::string hint;
};

// Parsed is what a command line comes to. Exactly one member is set.
struct Parsed {
  std::optional<Arguments> arguments;
  std::optional<UsageError> error;
};

// ParseArguments reads `words`, what stands behind the command's name. "--name value",
// "--name=value", "-n value", "-nvalue" and bundled letters are understood; "--" ends the options;
// "-" is an argument. Options and arguments may be mixed where the command says so. Refused are
// unknown options (the nearest known one is named), a missing value, a value that looks like an
// option unless it is behind "=", a value for a flag, an option given twice that is not repeatable,
// a value outside the choices, and too few or too many arguments (not counted when --help is
// there).
[[nodiscard]] Parsed ParseArguments(const Command& command, std::span<const char* const> words);

}  // namespace cotter::cli
