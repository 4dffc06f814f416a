// SPDX-License-Identifier: Apache-2.0
#include "update/json_value.h"

#include <algorithm>
#include <charconv>

#include "base/json_reader.h"

namespace cotter::update {
namespace {

using Kind = base::JsonEvent::Kind;

// Builder makes a JsonValue.
class Builder final : public base::JsonSink {
 public:
  const char* On(base::JsonEvent event) override {
    switch (event.kind) {
      case Kind::kObject:
        open_.push_back({JsonValue{JsonObject()}, {}});
        return nullptr;
      case Kind::kArray:
        open_.push_back({JsonValue{JsonArray()}, {}});
        return nullptr;
      case Kind::kEnd:
        return Close();
      case Kind::kKey:
        open_.back().key = std::move(event.text);
        return nullptr;
      case Kind::kString:
        return Add(JsonValue{std::move(event.text)});
      case Kind::kNumber:
        return AddNumber(event.text);
      case Kind::kTrue:
      case Kind::kFalse:
        return Add(JsonValue{event.kind == Kind::kTrue});
      case Kind::kNull:
        return Add(JsonValue{});
    }
    return "something that this reader does not know";
  }

  [[nodiscard]] JsonValue Finish() { return std::move(root_); }

 private:
  struct Frame {
    JsonValue value;
    std::string key;  // of the member whose value comes next
  };

  const char* AddNumber(const std::string& text) {
    if (text.find_first_of(".eE") != std::string::npos) return "a number is not an integer";
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number > kMaxJsonInteger || number < -kMaxJsonInteger) {
      return "a number is beyond 2^53";
    }
    return Add(JsonValue{number});
  }
  const char* Close() {
    JsonValue value = std::move(open_.back().value);
    open_.pop_back();
    if (auto* object = std::get_if<JsonObject>(&value.value)) object->Sort();
    return Add(std::move(value));
  }
  const char* Add(JsonValue value) {
    if (++values_ > kMaxMetadataValues) return "too many values";
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (auto* array = std::get_if<JsonArray>(&open_.back().value.value)) {
      array->push_back(std::move(value));
    } else {
      std::get_if<JsonObject>(&open_.back().value.value)
          ->Append(std::exchange(open_.back().key, {}), std::move(value));
    }
    return nullptr;
  }

  std::vector<Frame> open_;
  JsonValue root_;
  std::size_t values_ = 0;
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

void JsonObject::Sort() {
  const auto before = [](const JsonMember& a, const JsonMember& b) { return a.key < b.key; };
  if (!std::is_sorted(members_.begin(), members_.end(), before)) {
    std::sort(members_.begin(), members_.end(), before);
  }
}

Result<JsonValue> ParseJson(std::string_view text) {
  Builder builder;
  const base::JsonRead read = base::ReadJson(text, builder, {.max_depth = kMaxMetadataDepth});
  if (!read.fault) return builder.Finish();
  return Error{Code::kMetadataMalformed, "not the JSON of metadata: " + read.fault->what +
                                             ", at byte " + std::to_string(read.fault->at)};
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
