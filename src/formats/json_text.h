// SPDX-License-Identifier: Apache-2.0
//
// JSON that people wrote, as a tree with positions. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_reader.h"
#include "formats/source_text.h"
#include <cotter/result.h>

namespace cotter::formats {

// Real configurations nest 5 deep.
inline constexpr std::size_t kMaxJsonDepth = 64;

// JsonValue is one value and where it stands.
struct JsonValue {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text;  // of a string, unescaped; of a number, as written
  std::vector<JsonValue> items;
  std::vector<std::pair<std::string, JsonValue>> members;  // in order, no key twice
  std::size_t offset = 0;

  // Defined in the .cc file: clang 14 would take the members' own type for incomplete here.
  JsonValue();
  JsonValue(const JsonValue& other);
  JsonValue(JsonValue&& other) noexcept;
  JsonValue& operator=(const JsonValue& other);
  JsonValue& operator=(JsonValue&& other) noexcept;
  ~JsonValue();

  // Find is the member called `key`, or null.
  [[nodiscard]] const JsonValue* Find(std::string_view key) const noexcept;
};

// ParseJson reads one value that begins at `begin` and, where it is the whole text that is meant
// (`end` null), nothing behind it but white space; else `*end` is set to where it ends. Fails with
// kFormatMalformed and the position.
[[nodiscard]] Result<JsonValue> ParseJson(const SourceText& source,
                                          base::JsonComments comments = base::JsonComments::kRefuse,
                                          std::size_t begin = 0, std::size_t* end = nullptr);

// JsonString is `text` as a JSON string with its quotes, ASCII alone. It is a string literal of
// Go, JavaScript and Python too.
[[nodiscard]] std::string JsonString(std::string_view text);

}  // namespace cotter::formats
