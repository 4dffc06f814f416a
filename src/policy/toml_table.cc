// SPDX-License-Identifier: Apache-2.0
#include "policy/toml_table.h"

#include <algorithm>

#include "base/nearest.h"

namespace cotter::policy {
namespace {

// Quoted repeats untrusted text, short and without what a terminal would act on.
std::string Quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string shown = "\"";
  for (const char c : text.substr(0, kShown)) {
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  return shown + "\"";
}

std::string_view TypeName(const toml::node& node) {
  if (node.is_string()) return "a string";
  if (node.is_integer()) return "an integer";
  if (node.is_floating_point()) return "a float";
  if (node.is_boolean()) return "a boolean";
  if (node.is_array()) return "an array";
  if (node.is_table()) return "a table";
  return "a date or time";
}

CivilTime Civil(const toml::date& date) {
  return {.year = date.year, .month = date.month, .day = date.day};
}

// ToTime is the instant of a TOML date-time. One without an offset names no instant, so it is none.
std::optional<Time> ToTime(const toml::date_time& value) {
  if (!value.offset) return std::nullopt;
  CivilTime civil = Civil(value.date);
  civil.hour = value.time.hour;
  civil.minute = value.time.minute;
  civil.second = value.time.second;
  const Result<Time> time = FromCivil(civil);
  if (!time) return std::nullopt;
  return Time{time->unix_seconds - std::int64_t{value.offset->minutes} * 60};
}

}  // namespace

void TomlErrors::Add(Code code, const toml::source_position& at, std::string message) {
  if (first_) return;
  std::string where = file_;
  if (at.line != 0) where += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  first_ = Error{code, where + ": " + std::move(message)};
}

const toml::node* TomlTable::Take(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

void TomlTable::Fail(Code code, std::string_view key, const std::string& message) {
  const toml::node* node = table_.get(key);
  errors_.Add(code, (node != nullptr ? node->source() : table_.source()).begin,
              std::string(where_) + " " + std::string(key) + ": " + message);
}

void TomlTable::ReportType(std::string_view key, const toml::node& node,
                           std::string_view expected) {
  Fail(Code::kPolicyInvalid, key,
       "expected " + std::string(expected) + ", found " + std::string(TypeName(node)));
}

void TomlTable::ReportUnknownWord(std::string_view key, std::string_view found,
                                  std::span<const std::string_view> known) {
  std::string message = "expected ";
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (i != 0) message += i + 1 == known.size() ? " or " : ", ";
    message += "\"" + std::string(known[i]) + "\"";
  }
  message += ", found " + Quoted(found);
  if (const auto nearest = base::Nearest(found, known)) {
    message += "; did you mean \"" + std::string(*nearest) + "\"?";
  }
  Fail(Code::kPolicyInvalid, key, message);
}

std::optional<std::string> TomlTable::String(std::string_view key) {
  const toml::node* node = Take(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* text = node->as_string()) return text->get();
  ReportType(key, *node, "a string");
  return std::nullopt;
}

std::optional<std::int64_t> TomlTable::Integer(std::string_view key, std::int64_t least,
                                               std::int64_t most) {
  const toml::node* node = Take(key);
  if (node == nullptr) return std::nullopt;
  const auto* number = node->as_integer();
  if (number == nullptr) {
    ReportType(key, *node, "an integer");
    return std::nullopt;
  }
  if (number->get() < least || number->get() > most) {
    Fail(Code::kPolicyInvalid, key,
         "expected a number from " + std::to_string(least) + " to " + std::to_string(most) +
             ", found " + std::to_string(number->get()));
    return std::nullopt;
  }
  return number->get();
}

std::optional<bool> TomlTable::Boolean(std::string_view key) {
  const toml::node* node = Take(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* flag = node->as_boolean()) return flag->get();
  ReportType(key, *node, "true or false");
  return std::nullopt;
}

std::optional<Time> TomlTable::Date(std::string_view key) {
  const toml::node* node = Take(key);
  if (node == nullptr) return std::nullopt;
  std::optional<Time> time;
  if (const auto* day = node->as_date()) {
    if (const Result<Time> midnight = FromCivil(Civil(day->get()))) time = *midnight;
  } else if (const auto* instant = node->as_date_time()) {
    time = ToTime(instant->get());
  } else if (const auto* text = node->as_string()) {
    if (const Result<Time> parsed = ParseTime(text->get())) time = *parsed;
  } else {
    ReportType(key, *node, "a date such as 2027-06-01");
    return std::nullopt;
  }
  if (!time) {
    Fail(Code::kTimeInvalid, key, "expected a date such as 2027-06-01 or 2027-06-01T00:00:00Z");
  }
  return time;
}

void TomlTable::Array(std::string_view key, const std::function<void(const toml::node&)>& each) {
  const toml::node* node = Take(key);
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return ReportType(key, *node, "an array");
  for (const toml::node& element : *array) each(element);
}

std::vector<std::string> TomlTable::Strings(std::string_view key) {
  std::vector<std::string> texts;
  Array(key, [&](const toml::node& element) {
    if (const auto* text = element.as_string()) {
      texts.push_back(text->get());
    } else {
      Fail(Code::kPolicyInvalid, key, "expected an array of strings");
    }
  });
  return texts;
}

const toml::table* TomlTable::Table(std::string_view key) {
  const toml::node* node = Take(key);
  if (node == nullptr) return nullptr;
  if (const auto* table = node->as_table()) return table;
  ReportType(key, *node, "a table");
  return nullptr;
}

void TomlTable::Finish() {
  for (const auto& [key, value] : table_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    std::string message = "unknown key " + Quoted(key.str()) + " in " + std::string(where_);
    if (const auto nearest = base::Nearest(key.str(), known_)) {
      message += "; did you mean \"" + std::string(*nearest) + "\"?";
    }
    errors_.Add(Code::kPolicyUnknownKey, key.source().begin, message);
  }
}

}  // namespace cotter::policy
