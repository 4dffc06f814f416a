// SPDX-License-Identifier: Apache-2.0
#include "policy/table_reader.h"

#include <algorithm>
#include <filesystem>
#include <utility>

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

std::string_view NameOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kString:
      return "a string";
    case ValueKind::kInteger:
      return "an integer";
    case ValueKind::kFloat:
      return "a float";
    case ValueKind::kBoolean:
      return "a boolean";
    case ValueKind::kTime:
      return "a date or time";
    case ValueKind::kArray:
      return "an array";
    case ValueKind::kTable:
      return "a table";
    case ValueKind::kNull:
      return "null";
  }
  return "";
}

// Listed writes words as in: "a", "b" or "c".
std::string Listed(std::span<const std::string_view> words, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) text += i + 1 == words.size() ? last : ", ";
    text += "\"" + std::string(words[i]) + "\"";
  }
  return text;
}

}  // namespace

void ReadLog::Add(Code code, SourcePosition at, std::string message) {
  if (!stopped()) issues_.push_back({code, at, std::move(message), {}});
}

void ReadLog::NoteKey(std::string_view table, std::string_view key, std::string_view type) {
  if (keys_ == nullptr) return;
  PolicyKey entry{std::string(table), std::string(key), std::string(type)};
  if (std::ranges::find(*keys_, entry) == keys_->end()) keys_->push_back(std::move(entry));
}

std::optional<Value> TableReader::Take(std::string_view key, std::string_view type) {
  known_.push_back(key);
  log_.NoteKey(where_, key, type);
  return value_.Find(key);
}

void TableReader::Fail(Code code, std::string_view key, const std::string& message) {
  const std::optional<Value> found = value_.Find(key);
  if (!found && ReportMisspelt(key)) return;
  log_.Add(code, (found ? *found : value_).position(),
           std::string(where_) + " " + std::string(key) + ": " + message);
}

bool TableReader::ReportMisspelt(std::string_view key) {
  std::vector<std::string_view> others;
  std::vector<SourcePosition> positions;
  value_.EachKey([&](std::string_view other, SourcePosition at) {
    if (std::ranges::find(known_, other) != known_.end()) return;
    others.push_back(other);
    positions.push_back(at);
  });
  const auto nearest = base::Nearest(key, others);
  if (!nearest) return false;
  const auto index = std::ranges::find(others, *nearest) - others.begin();
  log_.Add(Code::kPolicyUnknownKey, positions[static_cast<std::size_t>(index)],
           "unknown key " + Quoted(*nearest) + " in " + std::string(where_) + "; did you mean \"" +
               std::string(key) + "\"?");
  known_.push_back(*nearest);  // told once
  return true;
}

void TableReader::ReportType(std::string_view key, Value found, std::string_view expected) {
  Fail(Code::kPolicyInvalid, key,
       "expected " + std::string(expected) + ", found " + std::string(NameOf(found.kind())));
}

void TableReader::ReportUnknownWord(std::string_view key, std::string_view found,
                                    std::span<const std::string_view> known) {
  std::string message = "expected " + Listed(known, " or ") + ", found " + Quoted(found);
  if (const auto nearest = base::Nearest(found, known)) {
    message += "; did you mean \"" + std::string(*nearest) + "\"?";
  }
  Fail(Code::kPolicyInvalid, key, message);
}

std::optional<std::string> TableReader::String(std::string_view key) {
  const std::optional<Value> found = Take(key, "string");
  if (!found) return std::nullopt;
  if (found->kind() == ValueKind::kString) return std::string(found->AsString());
  ReportType(key, *found, "a string");
  return std::nullopt;
}

std::optional<std::string_view> TableReader::ChoiceText(std::string_view key,
                                                        std::span<const std::string_view> known) {
  const std::optional<Value> found = Take(key, Listed(known, ", "));
  if (!found) return std::nullopt;
  if (found->kind() == ValueKind::kString) return found->AsString();
  ReportType(key, *found, "a string");
  return std::nullopt;
}

std::optional<std::int64_t> TableReader::Integer(std::string_view key, std::int64_t least,
                                                 std::int64_t most) {
  const std::optional<Value> found = Take(key, "integer");
  if (!found) return std::nullopt;
  if (found->kind() != ValueKind::kInteger) {
    ReportType(key, *found, "an integer");
    return std::nullopt;
  }
  const std::int64_t number = found->AsInteger();
  if (number < least || number > most) {
    Fail(Code::kPolicyInvalid, key,
         "expected a number from " + std::to_string(least) + " to " + std::to_string(most) +
             ", found " + std::to_string(number));
    return std::nullopt;
  }
  return number;
}

std::optional<bool> TableReader::Boolean(std::string_view key) {
  const std::optional<Value> found = Take(key, "boolean");
  if (!found) return std::nullopt;
  if (found->kind() == ValueKind::kBoolean) return found->AsBoolean();
  ReportType(key, *found, "true or false");
  return std::nullopt;
}

std::optional<Time> TableReader::Date(std::string_view key) {
  const std::optional<Value> found = Take(key, "date");
  if (!found) return std::nullopt;
  std::optional<Time> time;
  if (found->kind() == ValueKind::kTime) {
    time = found->AsTime();
  } else if (found->kind() == ValueKind::kString) {
    if (const Result<Time> parsed = ParseTime(found->AsString())) time = *parsed;
  } else {
    ReportType(key, *found, "a date such as 2027-06-01");
    return std::nullopt;
  }
  if (!time) {
    Fail(Code::kTimeInvalid, key, "expected a date such as 2027-06-01 or 2027-06-01T00:00:00Z");
  }
  return time;
}

bool TableReader::Array(std::string_view key, std::string_view elements,
                        const std::function<void(Value)>& each) {
  const std::optional<Value> found = Take(key, "array of " + std::string(elements));
  if (!found) return false;
  if (found->kind() != ValueKind::kArray) {
    ReportType(key, *found, "an array");
    return true;
  }
  found->EachElement([&](Value element) {
    if (!log_.stopped()) each(element);
  });
  return true;
}

void TableReader::Tables(std::string_view key, const std::function<void(Value)>& each,
                         std::string_view expected) {
  Array(key, "tables", [&](Value element) {
    if (element.kind() == ValueKind::kTable) return each(element);
    log_.Add(Code::kPolicyInvalid, element.position(),
             std::string(where_) + " " + std::string(key) + ": expected " + std::string(expected) +
                 ", found " + std::string(NameOf(element.kind())));
  });
}

std::vector<std::string> TableReader::Strings(std::string_view key) {
  std::vector<std::string> texts;
  Array(key, "strings", [&](Value element) {
    if (element.kind() == ValueKind::kString) {
      texts.emplace_back(element.AsString());
    } else {
      Fail(Code::kPolicyInvalid, key, "expected an array of strings");
    }
  });
  return texts;
}

std::optional<Value> TableReader::Table(std::string_view key) {
  const std::optional<Value> found = Take(key, "table");
  if (!found || found->kind() == ValueKind::kTable) return found;
  ReportType(key, *found, "a table");
  return std::nullopt;
}

void TableReader::Finish() {
  value_.EachKey([this](std::string_view key, SourcePosition at) {
    if (std::ranges::find(known_, key) != known_.end()) return;
    std::string message = "unknown key " + Quoted(key) + " in " + std::string(where_);
    if (const auto nearest = base::Nearest(key, known_)) {
      message += "; did you mean \"" + std::string(*nearest) + "\"?";
    }
    log_.Add(Code::kPolicyUnknownKey, at, message);
  });
}

std::string PathBeside(const std::string& file, const std::string& path) {
  if (path.starts_with('/')) return path;
  return (std::filesystem::path(file).parent_path() / path).string();
}

}  // namespace cotter::policy
