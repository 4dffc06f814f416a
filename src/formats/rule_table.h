// SPDX-License-Identifier: Apache-2.0
//
// The rules of a plan as one literal that is JSON and also an expression of JavaScript, Python and
// Dart (and of Go, in a raw string): exported code carries the whole policy in it, and it is what
// an import reads back. Pure, safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "formats/exchange.h"
#include "formats/plan.h"
#include <cotter/result.h>

namespace cotter::formats {

// kTableSpeech is what the table, and the code that every writer puts around it, can say.
inline constexpr Speech kTableSpeech{.exclusions = true,
                                     .report = true,
                                     .ports = true,
                                     .leaf_and_ca = true,
                                     .cert_pins = true,
                                     .revoked = true,
                                     .unlisted = true,
                                     .facts = true};

// TableMark is the comment line, without its mark, that stands above the table of `format`.
[[nodiscard]] std::string TableMark(std::string_view format);

// RuleTable is the literal: no true, false, null, '`' or '$' is in it, so that it means the same in
// every language.
[[nodiscard]] std::string RuleTable(const Plan& plan, const Policy& policy);

// HasRuleTable reports whether the one file holds the table of `format`.
[[nodiscard]] bool HasRuleTable(std::span<const InputFile> files, std::string_view format);

// ReadRuleTable reads the table of `format` back. Fails with kFormatUnknown where there is none.
[[nodiscard]] Result<ImportedPolicy> ReadRuleTable(std::span<const InputFile> files,
                                                   std::string_view format);

}  // namespace cotter::formats
