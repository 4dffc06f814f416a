// SPDX-License-Identifier: Apache-2.0
//
// FieldReader takes typed fields out of JSON objects and keeps the first thing that was wrong, so
// that a reader of metadata is one list of fields. For one document, on one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "update/json_value.h"

namespace cotter::update {

class FieldReader {
 public:
  // Object, Array, Text, Integer and Boolean are the field `key` of `from`, which has to be there
  // and of that type. `from` may be null, where an earlier field failed. What they return then is
  // empty. Borrowed from `from`.
  const JsonObject* Object(const JsonObject* from, std::string_view key);
  const JsonArray* Array(const JsonObject* from, std::string_view key);
  std::string Text(const JsonObject* from, std::string_view key);
  std::int64_t Integer(const JsonObject* from, std::string_view key, std::int64_t least);
  bool Boolean(const JsonObject* from, std::string_view key);

  // Texts is an array of strings.
  std::vector<std::string> Texts(const JsonObject* from, std::string_view key);

  // AsObject is `value` as an object; `what` names it in the issue.
  const JsonObject* AsObject(const JsonValue& value, std::string_view what);

  // Fail keeps `issue`, unless there is one already.
  void Fail(std::string issue);

  [[nodiscard]] bool failed() const noexcept { return issue_.has_value(); }
  [[nodiscard]] const std::string& issue() const { return *issue_; }

 private:
  const JsonValue* Need(const JsonObject* from, std::string_view key);
  void WrongType(std::string_view key, std::string_view expected);

  std::optional<std::string> issue_;
};

}  // namespace cotter::update
