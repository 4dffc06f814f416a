// SPDX-License-Identifier: Apache-2.0
#include "update/json_value.h"

#include <algorithm>
#include <array>
#include <optional>

#include <boost/json/basic_parser_impl.hpp>

namespace cotter::update {
namespace {

namespace json = boost::json;

// Builder makes a JsonValue of the parser's events. Its member names are Boost.JSON's.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return Open(JsonValue{JsonObject()}); }
  bool on_object_end(std::size_t, json::error_code& error) {
    if (!std::get_if<JsonObject>(&open_.back().value.value)->Sort()) {
      return Refuse("a key stands twice in one object", error);
    }
    return Close(error);
  }
  bool on_array_begin(json::error_code&) { return Open(JsonValue{JsonArray()}); }
  bool on_array_end(std::size_t, json::error_code& error) { return Close(error); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return Collect(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    Collect(part);
    open_.back().key = std::exchange(text_, {});
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    return Collect(part);
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& error) {
    Collect(part);
    return Add(JsonValue{std::exchange(text_, {})}, error);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code& error) {
    if (number > kMaxJsonInteger || number < -kMaxJsonInteger) {
      return Refuse("a number is beyond 2^53", error);
    }
    return Add(JsonValue{number}, error);
  }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code& error) {
    return Refuse("a number is beyond 2^53", error);
  }
  bool on_double(double, json::string_view, json::error_code& error) {
    return Refuse("a number is not an integer", error);
  }
  bool on_bool(bool value, json::error_code& error) { return Add(JsonValue{value}, error); }
  bool on_null(json::error_code& error) { return Add(JsonValue{}, error); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  [[nodiscard]] const char* issue() const noexcept { return issue_; }
  [[nodiscard]] JsonValue Finish() { return std::move(root_); }

 private:
  struct Frame {
    JsonValue value;
    std::string key;  // of the member whose value comes next
  };

  bool Refuse(const char* issue, json::error_code& error) {
    issue_ = issue;
    error = json::error::syntax;
    return false;
  }
  bool Collect(json::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool Open(JsonValue value) {
    open_.push_back({std::move(value), {}});
    return true;
  }
  bool Close(json::error_code& error) {
    JsonValue value = std::move(open_.back().value);
    open_.pop_back();
    return Add(std::move(value), error);
  }
  bool Add(JsonValue value, json::error_code& error) {
    if (++values_ > kMaxMetadataValues) return Refuse("too many values", error);
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* array = std::get_if<JsonArray>(&open_.back().value.value)) {
      array->push_back(std::move(value));
    } else {
      std::get_if<JsonObject>(&open_.back().value.value)
          ->Append(std::exchange(open_.back().key, {}), std::move(value));
    }
    return true;
  }

  std::vector<Frame> open_;
  JsonValue root_;
  std::string text_;
  std::size_t values_ = 0;
  const char* issue_ = nullptr;
};

enum class Form { kCanonical, kJson };

void AppendText(std::string_view text, Form form, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (form == Form::kJson && static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

// As deep as the parser lets a value be, so that recursion is bounded.
void AppendValue(const JsonValue& value, Form form, std::string& out) {
  if (const bool* boolean = value.boolean()) {
    out += *boolean ? "true" : "false";
  } else if (const std::int64_t* integer = value.integer()) {
    out += std::to_string(*integer);
  } else if (const std::string* text = value.text()) {
    AppendText(*text, form, out);
  } else if (const JsonArray* array = value.array()) {
    out += '[';
    for (const JsonValue& element : *array) {
      if (&element != array->data()) out += ',';
      AppendValue(element, form, out);
    }
    out += ']';
  } else if (const JsonObject* object = value.object()) {
    out += '{';
    for (const JsonMember& member : object->members()) {
      if (&member != object->members().data()) out += ',';
      AppendText(member.key, form, out);
      out += ':';
      AppendValue(member.value, form, out);
    }
    out += '}';
  } else {
    out += "null";
  }
}

bool KeyBefore(const JsonMember& member, std::string_view key) { return member.key < key; }

}  // namespace

JsonObject::JsonObject(std::initializer_list<std::pair<std::string, JsonValue>> members) {
  for (const auto& [key, value] : members) Set(key, value);
}

const JsonValue* JsonObject::Find(std::string_view key) const noexcept {
  const auto at = std::lower_bound(members_.begin(), members_.end(), key, KeyBefore);
  return at != members_.end() && at->key == key ? &at->value : nullptr;
}

void JsonObject::Set(std::string key, JsonValue value) {
  const auto at =
      std::lower_bound(members_.begin(), members_.end(), std::string_view(key), KeyBefore);
  if (at != members_.end() && at->key == key) {
    at->value = std::move(value);
  } else {
    members_.insert(at, JsonMember{std::move(key), std::move(value)});
  }
}

void JsonObject::Remove(std::string_view key) {
  const auto at = std::lower_bound(members_.begin(), members_.end(), key, KeyBefore);
  if (at != members_.end() && at->key == key) members_.erase(at);
}

void JsonObject::Append(std::string key, JsonValue value) {
  members_.push_back({std::move(key), std::move(value)});
}

bool JsonObject::Sort() {
  const auto before = [](const JsonMember& a, const JsonMember& b) { return a.key < b.key; };
  if (!std::is_sorted(members_.begin(), members_.end(), before)) {
    std::sort(members_.begin(), members_.end(), before);
  }
  return std::adjacent_find(members_.begin(), members_.end(),
                            [](const JsonMember& a, const JsonMember& b) {
                              return a.key == b.key;
                            }) == members_.end();
}

Result<JsonValue> ParseJson(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxMetadataDepth;
  json::basic_parser<Builder> parser(options);
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
    error = json::error::extra_data;
  }
  if (!error) return parser.handler().Finish();
  std::string message = "not the JSON of metadata: ";
  if (parser.handler().issue() != nullptr) {
    message += parser.handler().issue();
  } else if (error == json::error::too_deep) {
    message += "nested more than " + std::to_string(kMaxMetadataDepth) + " deep";
  } else {
    message += error.message();
  }
  return Error{Code::kMetadataMalformed, message + ", at byte " + std::to_string(used)};
}

std::string CanonicalJson(const JsonValue& value) {
  std::string out;
  AppendValue(value, Form::kCanonical, out);
  return out;
}

std::string WriteJson(const JsonValue& value) {
  std::string out;
  AppendValue(value, Form::kJson, out);
  return out;
}

}  // namespace cotter::update
