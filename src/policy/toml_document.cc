// SPDX-License-Identifier: Apache-2.0
//
// Takes 5 CPU-seconds to compile, as all that includes toml++ does.
#include <string>
#include <utility>

#include "policy/document.h"
#include "policy/toml.h"

namespace cotter::policy {
namespace {

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

class TomlFormat : public DocumentFormat {
 public:
  explicit TomlFormat(std::uint32_t lines_before) : lines_before_(lines_before) {}

  [[nodiscard]] SourcePosition At(const toml::source_position& position) const {
    return {position.line + lines_before_, position.column};
  }

  [[nodiscard]] ValueKind KindOf(const void* node) const override {
    switch (Node(node).type()) {
      case toml::node_type::string:
        return ValueKind::kString;
      case toml::node_type::integer:
        return ValueKind::kInteger;
      case toml::node_type::floating_point:
        return ValueKind::kFloat;
      case toml::node_type::boolean:
        return ValueKind::kBoolean;
      case toml::node_type::array:
        return ValueKind::kArray;
      case toml::node_type::table:
        return ValueKind::kTable;
      case toml::node_type::date:
      case toml::node_type::time:
      case toml::node_type::date_time:
        return ValueKind::kTime;
      case toml::node_type::none:
        break;
    }
    return ValueKind::kNull;
  }
  [[nodiscard]] SourcePosition PositionOf(const void* node) const override {
    return At(Node(node).source().begin);
  }
  [[nodiscard]] std::string_view StringOf(const void* node) const override {
    return Node(node).as_string()->get();
  }
  [[nodiscard]] std::int64_t IntegerOf(const void* node) const override {
    return Node(node).as_integer()->get();
  }
  [[nodiscard]] bool BooleanOf(const void* node) const override {
    return Node(node).as_boolean()->get();
  }
  [[nodiscard]] std::optional<Time> TimeOf(const void* node) const override {
    if (const auto* instant = Node(node).as_date_time()) return ToTime(instant->get());
    const auto* day = Node(node).as_date();
    if (day == nullptr) return std::nullopt;
    const Result<Time> midnight = FromCivil(Civil(day->get()));
    return midnight ? std::optional(*midnight) : std::nullopt;
  }
  [[nodiscard]] const void* Find(const void* table, std::string_view key) const override {
    return Node(table).as_table()->get(key);
  }
  void EachElement(const void* array, const std::function<void(const void*)>& each) const override {
    for (const toml::node& element : *Node(array).as_array()) each(&element);
  }
  void EachKey(const void* table,
               const std::function<void(std::string_view, SourcePosition)>& each) const override {
    for (const auto& [key, value] : *Node(table).as_table()) {
      each(key.str(), At(key.source().begin));
    }
  }

 private:
  static const toml::node& Node(const void* node) { return *static_cast<const toml::node*>(node); }

  std::uint32_t lines_before_;
};

class TomlDocument : public Document {
 public:
  TomlDocument(toml::table table, std::uint32_t lines_before)
      : table_(std::move(table)), format_(lines_before) {}

  [[nodiscard]] Value root() const override {
    const toml::node& node = table_;
    return {format_, &node};
  }

 private:
  toml::table table_;
  TomlFormat format_;
};

// TooDeepLine is the first line that could nest values deeper than a parser can take apart again:
// dotted keys make a table a dot, toml++ 3.3 bounds only the brackets, and no key or inline table
// spans lines. 0 if there is none.
std::uint32_t TooDeepLine(std::string_view text) {
  constexpr std::size_t kMaxDots = 1000;
  std::uint32_t line = 1;
  std::size_t dots = 0;
  for (const char c : text) {
    if (c == '.' && ++dots > kMaxDots) return line;
    if (c != '\n') continue;
    dots = 0;
    ++line;
  }
  return 0;
}

}  // namespace

ParsedDocument ParseTomlDocument(std::string_view text, std::uint32_t lines_before) {
  if (const std::uint32_t line = TooDeepLine(text); line != 0) {
    return {
        nullptr,
        ReadIssue{
            Code::kPolicySyntax, {line + lines_before, 1}, "a line with more than 1000 dots", {}}};
  }
  toml::parse_result parsed = toml::parse(text, std::string_view());
  if (!parsed) {
    const TomlFormat format(lines_before);
    return {nullptr, ReadIssue{Code::kPolicySyntax,
                               format.At(parsed.error().source().begin),
                               "not TOML: " + std::string(parsed.error().description()),
                               {}}};
  }
  return {std::make_unique<TomlDocument>(std::move(parsed).table(), lines_before), std::nullopt};
}

}  // namespace cotter::policy
