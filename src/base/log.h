// SPDX-License-Identifier: Apache-2.0
//
// What a server has to say, one JSON object a line on standard error, for people and for
// programs. Never a header field, a path or a body. Safe from any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace cotter::base {

enum class Level : std::uint8_t { kInfo, kWarning, kError };

// LogField is a name and a text or number.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t> value;
};

// AppendJsonString appends `text` as a JSON string; bytes that are not ASCII as \u00XX.
void AppendJsonString(std::string& to, std::string_view text);

// WriteLog writes one line: time, level, event, then `fields`.
void WriteLog(Level level, std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace cotter::base
