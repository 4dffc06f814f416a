// SPDX-License-Identifier: Apache-2.0
#include "cli/emergency_view.h"

#include <array>
#include <utility>

#include <boost/json/array.hpp>

#include "base/idna.h"
#include <cotter/pin.h>

namespace cotter::cli {

namespace json = boost::json;

std::string_view NameOf(EmergencyKind kind) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"suspend", "revoke", "add_pin"};
  return kNames[static_cast<std::size_t>(kind)];
}

Result<RuleName> ParseRuleName(std::string_view text) {
  std::string_view pattern = text;
  std::string_view port;
  const std::size_t colon = text.rfind(':');
  if (!text.empty() && text.front() == '[') {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) {
      return Error{Code::kPatternInvalid, std::string(text) + ": a bracket is not closed"};
    }
    pattern = text.substr(1, bracket - 1);
    if (bracket + 1 < text.size()) {
      if (text[bracket + 1] != ':') {
        return Error{Code::kPatternInvalid, std::string(text) + ": expected [ADDRESS]:PORT"};
      }
      port = text.substr(bracket + 2);
      if (port.empty()) return Error{Code::kPortInvalid, std::string(text) + ": expected a port"};
    }
  } else if (colon != std::string_view::npos && text.find(':') == colon) {
    pattern = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return Error{Code::kPortInvalid, std::string(text) + ": expected a port"};
  }
  Result<HostPattern> parsed = HostPattern::Parse(pattern, &base::Idna());
  if (!parsed) return parsed.error();
  RuleName name{.pattern = *std::move(parsed)};
  if (port.empty()) return name;
  const Result<std::uint16_t> number = ParsePort(port);
  if (!number) return number.error();
  name.port = *number;
  return name;
}

std::string FormatRuleName(const RuleName& name) {
  const std::string pattern = name.pattern.ToString();
  if (!name.port) return pattern;
  const bool brackets = pattern.find(':') != std::string::npos;
  return (brackets ? "[" + pattern + "]" : pattern) + ":" + std::to_string(*name.port);
}

json::object StatementObject(const EmergencyStatement& statement) {
  json::array rules;
  for (const RuleName& name : statement.rules) rules.emplace_back(FormatRuleName(name));
  json::object object{{"id", statement.id}, {"kind", NameOf(statement.kind)}};
  if (statement.kind != EmergencyKind::kRevoke) object["rules"] = std::move(rules);
  if (statement.kind != EmergencyKind::kSuspend) {
    object["pin"] = FormatPin(statement.pin.digest);
  }
  object["until"] = nullptr;
  if (statement.until) object["until"] = FormatTime(*statement.until);
  object["reason"] = statement.reason;
  object["ticket"] = statement.ticket;
  return object;
}

std::string StatementLine(const EmergencyStatement& statement) {
  std::string line = statement.id + "  " + std::string(NameOf(statement.kind));
  if (statement.kind != EmergencyKind::kSuspend) line += " " + FormatPin(statement.pin.digest);
  for (const RuleName& name : statement.rules) line += " " + FormatRuleName(name);
  if (statement.until) line += " until " + FormatTime(*statement.until);
  return line + "  " + statement.reason + " (" + statement.ticket + ")";
}

json::object ViewObject(const update::EmergencyView& view) {
  json::object object = view.statement.reason.empty()  // it could not be read
                            ? json::object{{"id", view.statement.id}}
                            : StatementObject(view.statement);
  object["standing"] = update::NameOf(view.standing);
  if (view.why) {
    object["code"] = NameOf(view.why->code);
    object["message"] = view.why->message;
  }
  return object;
}

std::string ViewLine(const update::EmergencyView& view) {
  if (view.why) return view.why->message + ": refused";
  std::string standing(update::NameOf(view.standing));
  if (view.standing == update::EmergencyStanding::kInForce) standing = "in force";
  return StatementLine(view.statement) + ": " + standing;
}

}  // namespace cotter::cli
