// SPDX-License-Identifier: Apache-2.0
#include "formats/json_text.h"

#include <array>

#include "base/utf8.h"

namespace cotter::formats {
namespace {

using Kind = base::JsonEvent::Kind;

// Builder makes the tree.
class Builder final : public base::JsonSink {
 public:
  const char* On(base::JsonEvent event) override {
    switch (event.kind) {
      case Kind::kEnd:
        open_.pop_back();
        return nullptr;
      case Kind::kKey:
        key_ = std::move(event.text);
        return nullptr;
      default:
        break;
    }
    JsonValue& value = NextPlace();
    value.kind = KindOf(event.kind);
    value.boolean = event.kind == Kind::kTrue;
    value.text = std::move(event.text);
    value.offset = event.at;
    if (event.kind == Kind::kObject || event.kind == Kind::kArray) open_.push_back(&value);
    return nullptr;
  }

  JsonValue Finish() { return std::move(root_); }

 private:
  static JsonValue::Kind KindOf(Kind kind) {
    switch (kind) {
      case Kind::kObject:
        return JsonValue::Kind::kObject;
      case Kind::kArray:
        return JsonValue::Kind::kArray;
      case Kind::kString:
        return JsonValue::Kind::kString;
      case Kind::kNumber:
        return JsonValue::Kind::kNumber;
      case Kind::kTrue:
      case Kind::kFalse:
        return JsonValue::Kind::kBoolean;
      default:
        return JsonValue::Kind::kNull;
    }
  }

  // NextPlace is where the value that begins now belongs. It stays there while it is open: its
  // parent grows no further before it ends.
  JsonValue& NextPlace() {
    if (open_.empty()) return root_;
    JsonValue& parent = *open_.back();
    if (parent.kind == JsonValue::Kind::kArray) return parent.items.emplace_back();
    return parent.members.emplace_back(std::move(key_), JsonValue{}).second;
  }

  JsonValue root_;
  std::vector<JsonValue*> open_;
  std::string key_;  // of the member whose value comes next
};

}  // namespace

JsonValue::JsonValue() = default;
JsonValue::JsonValue(const JsonValue& other) = default;
JsonValue::JsonValue(JsonValue&& other) noexcept = default;
JsonValue& JsonValue::operator=(const JsonValue& other) = default;
JsonValue& JsonValue::operator=(JsonValue&& other) noexcept = default;
JsonValue::~JsonValue() = default;

const JsonValue* JsonValue::Find(std::string_view key) const noexcept {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<JsonValue> ParseJson(const SourceText& source, base::JsonComments comments,
                            std::size_t begin, std::size_t* end) {
  Builder builder;
  const base::JsonRest rest = end == nullptr ? base::JsonRest::kRefuse : base::JsonRest::kLeave;
  const base::JsonRead read =
      base::ReadJson(source.text(), builder, {kMaxJsonDepth, comments, rest}, begin);
  if (read.fault) {
    return source.Fail(read.fault->at, Code::kFormatMalformed, "not JSON: " + read.fault->what);
  }
  if (end != nullptr) *end = read.end;
  return builder.Finish();
}

std::string JsonString(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  const auto unit = [&](std::uint32_t value) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
  };
  while (!text.empty()) {
    const std::size_t length = base::Utf8Length(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length == 1 && first >= 0x20 && first < 0x7F && first != '"' && first != '\\' &&
        first != '<' && first != '$') {
      out += text.front();
    } else if (length <= 1) {
      unit(length == 1 ? first : 0xFFFD);
    } else {
      constexpr std::array<std::uint32_t, 5> kMask = {0, 0, 0x1F, 0x0F, 0x07};
      std::uint32_t point = first & kMask[length];
      for (std::size_t i = 1; i < length; ++i) {
        point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3F);
      }
      if (point >= 0x10000) unit(0xD800 + ((point - 0x10000) >> 10));
      unit(point >= 0x10000 ? 0xDC00 + ((point - 0x10000) & 0x3FF) : point);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "\"";
}

}  // namespace cotter::formats
