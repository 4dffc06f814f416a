// SPDX-License-Identifier: Apache-2.0
//
// The JSON of signed metadata: read strictly, kept whole (unknown fields are signed too), and
// written in the canonical form that signatures are made over. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <cotter/result.h>

namespace cotter::update {

// Metadata nests nine deep at most; unknown fields may add to that.
inline constexpr std::size_t kMaxMetadataDepth = 32;

// A snapshot of 16,384 hash bins has 100,000 values; a value takes 40 bytes and more.
inline constexpr std::size_t kMaxMetadataValues = 500'000;

// Beyond it, readers that hold numbers as doubles and readers that do not see different numbers
// (RFC 8259, section 6).
inline constexpr std::int64_t kMaxJsonInteger = (std::int64_t{1} << 53) - 1;

struct JsonValue;
struct JsonMember;

using JsonArray = std::vector<JsonValue>;

// JsonObject holds its members sorted by key, each key once.
class JsonObject {
 public:
  JsonObject() = default;
  JsonObject(std::initializer_list<std::pair<std::string, JsonValue>> members);

  // Find is the value of `key`, or null. Borrowed from this object.
  [[nodiscard]] const JsonValue* Find(std::string_view key) const noexcept;

  // Set gives `key` the value, in the place of one that it had.
  void Set(std::string key, JsonValue value);

  // Remove takes `key` away, if it is there.
  void Remove(std::string_view key);

  // Append adds a member behind all others, unsorted, until Sort is called. For the parser.
  void Append(std::string key, JsonValue value);

  // Sort puts appended members, whose keys differ, in order.
  void Sort();

  [[nodiscard]] const std::vector<JsonMember>& members() const noexcept { return members_; }

 private:
  std::vector<JsonMember> members_;
};

// JsonValue is one value. There are no fractions in metadata: a canonical form has none.
struct JsonValue {
  std::variant<std::monostate, bool, std::int64_t, std::string, JsonArray, JsonObject> value;

  [[nodiscard]] const bool* boolean() const noexcept { return std::get_if<bool>(&value); }
  [[nodiscard]] const std::int64_t* integer() const noexcept {
    return std::get_if<std::int64_t>(&value);
  }
  [[nodiscard]] const std::string* text() const noexcept {
    return std::get_if<std::string>(&value);
  }
  [[nodiscard]] const JsonArray* array() const noexcept { return std::get_if<JsonArray>(&value); }
  [[nodiscard]] const JsonObject* object() const noexcept {
    return std::get_if<JsonObject>(&value);
  }
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

// ParseJson reads one JSON value. Refused with kMetadataMalformed: what is not RFC 8259, bad UTF-8
// and lone surrogates, a key that stands twice in one object, nesting deeper than
// kMaxMetadataDepth, more than kMaxMetadataValues values, fractions, and integers beyond
// kMaxJsonInteger. Allocates.
[[nodiscard]] Result<JsonValue> ParseJson(std::string_view text);

// CanonicalJson writes `value` in the canonical form of OLPC, which TUF signs: keys sorted by code
// point, no white space, and nothing escaped in a string but the quote and the backslash. That is
// no JSON where a string holds a control character. Allocates.
[[nodiscard]] std::string CanonicalJson(const JsonValue& value);

// WriteJson writes `value` as JSON on one line, keys sorted, control characters escaped. Allocates.
[[nodiscard]] std::string WriteJson(const JsonValue& value);

}  // namespace cotter::update
