// SPDX-License-Identifier: Apache-2.0
//
// Emergency statements as commands show them: one line each, or one object. Used by one thread.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "update/emergency_state.h"
#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::cli {

// NameOf is the kind's word, as the policy file and the command line have it ("add_pin").
[[nodiscard]] std::string_view NameOf(EmergencyKind kind) noexcept;

// ParseRuleName reads "PATTERN" or "PATTERN:PORT"; an IPv6 address with a port stands in brackets.
[[nodiscard]] Result<RuleName> ParseRuleName(std::string_view text);

// FormatRuleName is the same text back.
[[nodiscard]] std::string FormatRuleName(const RuleName& name);

// StatementObject is `statement` as JSON.
[[nodiscard]] boost::json::object StatementObject(const EmergencyStatement& statement);

// StatementLine is `statement` for people, without line end and not yet made safe to print.
[[nodiscard]] std::string StatementLine(const EmergencyStatement& statement);

// ViewObject and ViewLine are that with how it stands with a client.
[[nodiscard]] boost::json::object ViewObject(const update::EmergencyView& view);
[[nodiscard]] std::string ViewLine(const update::EmergencyView& view);

}  // namespace cotter::cli
