// SPDX-License-Identifier: Apache-2.0
//
// The rules that watch alerts by: what each is called (a code, so that `cotter explain` knows it),
// how much it matters, and how long it must be so before somebody is told. Constant data.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "watch/config.h"
#include <cotter/code.h>

namespace cotter::watch {

// What a rule depends on. Those of the clock stand still while the clock is in doubt.
enum class Basis : std::uint8_t { kFacts, kClock };

struct Rule {
  Code code;
  Severity severity;  // the least; some conditions are worse
  std::chrono::seconds hold;
  Basis basis;
  std::string_view summary;  // for people: lower case, no full stop
};

// AllRules is the table. Static storage.
[[nodiscard]] std::span<const Rule> AllRules() noexcept;

// FindRule is the rule called `code`, or null. Static storage.
[[nodiscard]] const Rule* FindRule(Code code) noexcept;

// RuleNames is all names, with commas.
[[nodiscard]] std::string RuleNames();

}  // namespace cotter::watch
