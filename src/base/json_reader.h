// SPDX-License-Identifier: Apache-2.0
//
// The one reader of JSON (RFC 8259) that comes from outside: Boost.JSON's parser, and what it
// leaves to its users: where each value stands, keys that come twice, and limits. What is made of
// the values is the sink's. Safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cotter::base {

// JsonEvent is one step through a text.
struct JsonEvent {
  enum class Kind : std::uint8_t {
    kObject,  // begins; then a key and a value in turn, and kEnd
    kArray,   // begins; then values, and kEnd
    kEnd,     // of the innermost object or array
    kKey,
    kString,
    kNumber,
    kTrue,
    kFalse,
    kNull,
  };

  Kind kind = Kind::kNull;
  std::string text;    // of a key or string, unescaped UTF-8; of a number, as written
  std::size_t at = 0;  // where it begins, in bytes from the beginning of the text; not of kEnd
};

// JsonSink takes the events in the order of the text.
class JsonSink {
 public:
  virtual ~JsonSink() = default;

  // On returns null to go on, or why reading shall stop: static storage, lower case, no full stop.
  [[nodiscard]] virtual const char* On(JsonEvent event) = 0;

 protected:
  JsonSink() = default;
  JsonSink(const JsonSink&) = default;
  JsonSink& operator=(const JsonSink&) = default;
};

// Whether // and /* */ comments are skipped, as Chromium's and Mozilla's files have them.
enum class JsonComments : std::uint8_t { kRefuse, kSkip };

// Whether text may stand behind the value.
enum class JsonRest : std::uint8_t { kRefuse, kLeave };

// JsonLimits say what is read.
struct JsonLimits {
  std::size_t max_depth = 0;  // of objects and arrays in each other
  JsonComments comments = JsonComments::kRefuse;
  JsonRest rest = JsonRest::kRefuse;
};

// JsonFault is why a text was refused, and where.
struct JsonFault {
  std::size_t at = 0;  // in bytes from the beginning of the text
  std::string what;    // lower case, no full stop; repeats nothing of the text
};

// JsonRead is how reading ended.
struct JsonRead {
  std::size_t end = 0;             // behind the value, and the white space behind that
  std::optional<JsonFault> fault;  // set where the text was refused
};

// ReadJson reads the value that begins at `begin`, and gives it to `sink` step by step. Refused are
// what is not RFC 8259 but for the comments, bad UTF-8 and lone surrogates, a key that stands twice
// in one object, and what is over the limits. Length is the caller's to bound. Allocates.
[[nodiscard]] JsonRead ReadJson(std::string_view text, JsonSink& sink, const JsonLimits& limits,
                                std::size_t begin = 0);

}  // namespace cotter::base
