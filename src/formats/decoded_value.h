// SPDX-License-Identifier: Apache-2.0
//
// The content of an extension, decoded, as a small tree whose names are those of its ASN.1 in snake
// case. One form for all extensions lets the text and the JSON of `cotter inspect` be one walk
// each. A plain value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cotter::formats {

struct DecodedValue;

// A SEQUENCE OF or SET OF.
using DecodedList = std::vector<DecodedValue>;

// A SEQUENCE or CHOICE: the fields that are there, in order.
using DecodedRecord = std::vector<std::pair<std::string, DecodedValue>>;

// DecodedValue is one node. Strings are valid UTF-8, and may hold NUL and control characters.
struct DecodedValue {
  std::variant<std::monostate, bool, std::int64_t, std::string, DecodedList, DecodedRecord> value;

  DecodedValue() = default;
  explicit DecodedValue(bool flag) : value(flag) {}
  explicit DecodedValue(std::int64_t number) : value(number) {}
  explicit DecodedValue(std::string text) : value(std::move(text)) {}
  explicit DecodedValue(const char*) = delete;  // it would become a bool
  explicit DecodedValue(DecodedList list) : value(std::move(list)) {}
  explicit DecodedValue(DecodedRecord record) : value(std::move(record)) {}
};

// FindField finds `name` in a record; null where `value` is none or has no such field. Borrows.
[[nodiscard]] const DecodedValue* FindField(const DecodedValue& value,
                                            std::string_view name) noexcept;

}  // namespace cotter::formats
