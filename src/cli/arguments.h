// SPDX-License-Identifier: Apache-2.0
//
// The values that a command line gave to the options and arguments of one command. Immutable after
// parsing; const members may be called from any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/option.h"
#include <cotter/bytes.h>

namespace cotter::cli {

// Arguments is what the parser found. Asking for an option that the command does not declare is a
// bug and ends the process.
class Arguments {
 public:
  explicit Arguments(const Command& command) : command_(&command) {}

  // Has reports whether the option was given.
  [[nodiscard]] bool Has(std::string_view option) const;

  // Value is the option's value, the last one where it was given more than once. Borrowed.
  [[nodiscard]] std::optional<std::string_view> Value(std::string_view option) const
      COTTER_LIFETIME_BOUND;

  // Values is every value of the option, in order. The views are borrowed.
  [[nodiscard]] std::vector<std::string_view> Values(std::string_view option) const
      COTTER_LIFETIME_BOUND;

  // positionals is every word that is not an option or its value, in order. Borrowed.
  [[nodiscard]] std::span<const std::string> positionals() const noexcept COTTER_LIFETIME_BOUND {
    return positionals_;
  }

  [[nodiscard]] const Command& command() const noexcept { return *command_; }

 private:
  friend class Parser;

  const Command* command_;
  std::vector<std::pair<const Option*, std::string>> options_;
  std::vector<std::string> positionals_;
};

// FindOption is the option of `command` with the long name `name`, --help among them, or null.
[[nodiscard]] const Option* FindOption(const Command& command, std::string_view name) noexcept;

}  // namespace cotter::cli
