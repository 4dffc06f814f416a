// SPDX-License-Identifier: Apache-2.0
#include "update/field_reader.h"

#include <utility>

namespace cotter::update {

const JsonObject* FieldReader::Object(const JsonObject* from, std::string_view key) {
  const JsonValue* value = Need(from, key);
  if (value == nullptr) return nullptr;
  if (value->object() == nullptr) WrongType(key, "an object");
  return value->object();
}

const JsonArray* FieldReader::Array(const JsonObject* from, std::string_view key) {
  static const JsonArray kNothing;
  const JsonValue* value = Need(from, key);
  if (value == nullptr) return &kNothing;
  if (value->array() == nullptr) WrongType(key, "an array");
  return value->array() == nullptr ? &kNothing : value->array();
}

std::string FieldReader::Text(const JsonObject* from, std::string_view key) {
  const JsonValue* value = Need(from, key);
  if (value == nullptr) return {};
  if (value->text() == nullptr) WrongType(key, "a string");
  return value->text() == nullptr ? std::string() : *value->text();
}

std::int64_t FieldReader::Integer(const JsonObject* from, std::string_view key,
                                  std::int64_t least) {
  const JsonValue* value = Need(from, key);
  if (value == nullptr) return least;
  if (value->integer() == nullptr || *value->integer() < least) {
    WrongType(key, "an integer from " + std::to_string(least));
    return least;
  }
  return *value->integer();
}

bool FieldReader::Boolean(const JsonObject* from, std::string_view key) {
  const JsonValue* value = Need(from, key);
  if (value == nullptr) return false;
  if (value->boolean() == nullptr) WrongType(key, "true or false");
  return value->boolean() != nullptr && *value->boolean();
}

std::vector<std::string> FieldReader::Texts(const JsonObject* from, std::string_view key) {
  std::vector<std::string> texts;
  for (const JsonValue& value : *Array(from, key)) {
    if (value.text() == nullptr) {
      WrongType(key, "an array of strings");
      return {};
    }
    texts.push_back(*value.text());
  }
  return texts;
}

const JsonObject* FieldReader::AsObject(const JsonValue& value, std::string_view what) {
  if (value.object() == nullptr) WrongType(what, "an object");
  return value.object();
}

void FieldReader::Fail(std::string issue) {
  if (!issue_) issue_ = std::move(issue);
}

const JsonValue* FieldReader::Need(const JsonObject* from, std::string_view key) {
  if (from == nullptr) return nullptr;
  const JsonValue* value = from->Find(key);
  if (value == nullptr) Fail("\"" + std::string(key) + "\" is missing");
  return value;
}

void FieldReader::WrongType(std::string_view key, std::string_view expected) {
  Fail("\"" + std::string(key) + "\" is not " + std::string(expected));
}

}  // namespace cotter::update
