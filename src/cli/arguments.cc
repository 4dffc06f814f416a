// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <cotter/result.h>

namespace cotter::cli {

const Option* FindOption(const Command& command, std::string_view name) noexcept {
  for (const OptionGroup& group : command.groups) {
    for (const Option& option : group.options) {
      if (option.name == name || (!name.empty() && option.older == name)) return &option;
    }
  }
  return name == kHelpOption.name ? &kHelpOption : nullptr;
}

bool Arguments::Has(std::string_view option) const { return Value(option).has_value(); }

std::optional<std::string_view> Arguments::Value(std::string_view option) const {
  const std::vector<std::string_view> all = Values(option);
  if (all.empty()) return std::nullopt;
  return all.back();
}

std::vector<std::string_view> Arguments::Values(std::string_view option) const {
  const Option* declared = FindOption(*command_, option);
  COTTER_CHECK(declared != nullptr);
  std::vector<std::string_view> values;
  for (const auto& [given, value] : options_) {
    if (given == declared) values.emplace_back(value);
  }
  return values;
}

}  // namespace cotter::cli
