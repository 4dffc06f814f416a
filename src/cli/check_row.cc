// SPDX-License-Identifier: Apache-2.0
#include "cli/check_row.h"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "cli/safe_text.h"
#include <cotter/evaluate.h>

namespace cotter::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kNetworkError = "network_error";

std::string_view PlaceOf(std::size_t index) { return index == 0 ? "leaf" : "ca"; }

bool IsGood(const CheckRow& row) {
  return row.verdict == NameOf(Outcome::kPinnedOk) || row.is_unpinned();
}

// SummaryOf is the short line: what the code means, or the message where there is none.
std::string_view SummaryOf(const CheckRow& row) {
  for (const CodeInfo& info : AllCodes()) {
    if (info.code == row.code) return info.summary;
  }
  return row.message;
}

void AppendLine(std::string& text, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  text.append("  ").append(name).append(": ");
  AppendSafe(text, value);
  text += '\n';
}

// AppendDetails appends the full detail, below the short message.
void AppendDetails(std::string& text, const CheckRow& row) {
  if (row.code) AppendLine(text, "code", NameOf(*row.code));
  if (row.message != SummaryOf(row)) AppendLine(text, "detail", row.message);
  if (row.rule) AppendLine(text, "rule", *row.rule);
  if (row.matched) {
    AppendLine(text, "matched",
               FormatPin(row.matched->pin) + " (" + std::string(PlaceOf(row.matched->index)) +
                   ", certificate " + std::to_string(row.matched->index) + ")");
  }
  for (std::size_t i = 0; i < row.found.size(); ++i) {
    text.append(i == 0 ? "  found: " : "         ").append(FormatPin(row.found[i])).append("\n");
  }
  AppendLine(text, "peer", row.tls.empty() ? row.peer : row.peer + ", " + row.tls);
  if (row.policy) {
    AppendLine(text, "policy",
               row.policy->name + " version " + std::to_string(row.policy->version));
  }
}

json::value TextOrNull(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object RowJson(const CheckRow& row) {
  json::value matched = nullptr;
  if (row.matched) {
    matched = {{"pin", FormatPin(row.matched->pin)},
               {"place", PlaceOf(row.matched->index)},
               {"index", row.matched->index}};
  }
  json::array found;
  for (const Digest& digest : row.found) found.emplace_back(FormatPin(digest));
  json::value policy = nullptr;
  if (row.policy) policy = {{"name", row.policy->name}, {"version", row.policy->version}};
  return {{"target", row.target},
          {"verdict", row.verdict},
          {"code", row.code ? json::value(NameOf(*row.code)) : json::value(nullptr)},
          {"message", row.message},
          {"rule", row.rule ? json::value(*row.rule) : json::value(nullptr)},
          {"matched", std::move(matched)},
          {"found", std::move(found)},
          {"peer", TextOrNull(row.peer)},
          {"tls", TextOrNull(row.tls)},
          {"policy", std::move(policy)}};
}

}  // namespace

CheckRow NetworkRow(std::string target, std::string peer, const Error& error) {
  CheckRow row;
  row.target = std::move(target);
  row.verdict = kNetworkError;
  row.code = error.code;
  row.message = error.message;
  row.peer = std::move(peer);
  return row;
}

Exit ExitOfRow(const CheckRow& row, Unpinned unpinned) noexcept {
  if (row.is_unpinned()) {
    return unpinned == Unpinned::kViolates ? Exit::kViolated : Exit::kSatisfied;
  }
  if (row.verdict == NameOf(Outcome::kPinnedOk) || row.verdict == NameOf(Outcome::kReported)) {
    return Exit::kSatisfied;
  }
  if (row.verdict == NameOf(Outcome::kSearchBound)) return Exit::kUndecided;
  if (row.verdict == kNetworkError) {
    return row.code ? ExitOf(*row.code) : Exit::kUndecided;
  }
  return Exit::kViolated;
}

void PrintCheckText(Output& output, std::span<const CheckRow> rows) {
  for (const CheckRow& row : rows) {
    output.Field(row.target);
    output.Text("  ");
    output.Styled(IsGood(row)                                 ? Style::kGood
                  : row.verdict == NameOf(Outcome::kReported) ? Style::kWarning
                                                              : Style::kBad,
                  row.verdict);
    std::string text;
    text += "  ";
    AppendSafe(text, SummaryOf(row));
    text += '\n';
    AppendDetails(text, row);
    output.Text(text);
  }
}

void PrintCheckJson(Output& output, std::span<const CheckRow> rows) {
  json::array targets;
  for (const CheckRow& row : rows) targets.push_back(RowJson(row));
  output.Json({{"targets", std::move(targets)}});
}

}  // namespace cotter::cli
