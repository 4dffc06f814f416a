// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>

#include "policy/document.h"

namespace cotter::policy {
namespace {

namespace json = boost::json;

struct JsonNode;

struct JsonMember {
  std::string key;
  SourcePosition at;
  const JsonNode* value;
};

struct JsonArray {
  std::vector<const JsonNode*> elements;
};

struct JsonObject {
  std::vector<JsonMember> members;
  std::set<std::string, std::less<>> keys;
};

struct JsonNode {
  SourcePosition at;
  std::variant<std::monostate, std::string, std::int64_t, double, bool, JsonArray, JsonObject>
      value;
};

class JsonFormat : public DocumentFormat {
 public:
  [[nodiscard]] ValueKind KindOf(const void* node) const override {
    constexpr ValueKind kKinds[] = {ValueKind::kNull,  ValueKind::kString,  ValueKind::kInteger,
                                    ValueKind::kFloat, ValueKind::kBoolean, ValueKind::kArray,
                                    ValueKind::kTable};
    return kKinds[Node(node).value.index()];
  }
  [[nodiscard]] SourcePosition PositionOf(const void* node) const override { return Node(node).at; }
  [[nodiscard]] std::string_view StringOf(const void* node) const override {
    return *std::get_if<std::string>(&Node(node).value);
  }
  [[nodiscard]] std::int64_t IntegerOf(const void* node) const override {
    return *std::get_if<std::int64_t>(&Node(node).value);
  }
  [[nodiscard]] bool BooleanOf(const void* node) const override {
    return *std::get_if<bool>(&Node(node).value);
  }
  [[nodiscard]] std::optional<Time> TimeOf(const void*) const override { return std::nullopt; }
  [[nodiscard]] const void* Find(const void* table, std::string_view key) const override {
    for (const JsonMember& member : Members(table)) {
      if (member.key == key) return member.value;
    }
    return nullptr;
  }
  void EachElement(const void* array, const std::function<void(const void*)>& each) const override {
    for (const JsonNode* element : std::get_if<JsonArray>(&Node(array).value)->elements) {
      each(element);
    }
  }
  void EachKey(const void* table,
               const std::function<void(std::string_view, SourcePosition)>& each) const override {
    for (const JsonMember& member : Members(table)) each(member.key, member.at);
  }

 private:
  static const JsonNode& Node(const void* node) { return *static_cast<const JsonNode*>(node); }
  static const std::vector<JsonMember>& Members(const void* node) {
    return std::get_if<JsonObject>(&Node(node).value)->members;
  }
};

// Cursor walks over tokens that the parser has accepted already, to know where each begins.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  // Next is where the next key or value begins, and steps over it; into it, for an array or object.
  SourcePosition Next() {
    while (at_ < text_.size() && kBetween.find(text_[at_]) != std::string_view::npos) Step();
    const SourcePosition begin = position();
    if (at_ == text_.size()) return begin;
    if (text_[at_] == '"') {
      Step();
      while (at_ < text_.size() && text_[at_] != '"') {
        if (text_[at_] == '\\') Step();
        Step();
      }
      Step();
    } else if (text_[at_] == '{' || text_[at_] == '[') {
      Step();
    } else {
      while (at_ < text_.size() && kBetween.find(text_[at_]) == std::string_view::npos) Step();
    }
    return begin;
  }

  // SkipTo moves to the offset where the parser stopped.
  SourcePosition SkipTo(std::size_t offset) {
    while (at_ < offset && at_ < text_.size()) Step();
    return position();
  }

 private:
  static constexpr std::string_view kBetween = " \t\r\n,:]}";

  [[nodiscard]] SourcePosition position() const { return {line_, column_}; }

  void Step() {
    if (at_ == text_.size()) return;
    const bool line_ends = text_[at_++] == '\n';
    line_ += line_ends ? 1 : 0;
    column_ = line_ends ? 1 : column_ + 1;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
};

class JsonDocument : public Document {
 public:
  [[nodiscard]] Value root() const override { return {format_, root_}; }

  // A deque, so that nodes stay where they are.
  std::deque<JsonNode> nodes_;
  const JsonNode* root_ = nullptr;

 private:
  JsonFormat format_;
};

// Builder makes the document of the parser's events. Its member names are Boost.JSON's.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  explicit Builder(std::string_view text) : cursor_(text) {}

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return Open(JsonObject{}); }
  bool on_object_end(std::size_t, json::error_code&) { return Close(); }
  bool on_array_begin(json::error_code&) { return Open(JsonArray{}); }
  bool on_array_end(std::size_t, json::error_code&) { return Close(); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return Collect(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code& error) {
    Collect(part);
    auto& object = *std::get_if<JsonObject>(&open_.back()->value);
    const SourcePosition at = cursor_.Next();
    if (!object.keys.insert(text_).second) {
      issue_ = ReadIssue{Code::kPolicySyntax, at, "a key that stands twice in one object"};
      error = json::error::syntax;
      return false;
    }
    object.members.push_back({std::exchange(text_, {}), at, nullptr});
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    return Collect(part);
  }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    Collect(part);
    Add(std::exchange(text_, {}));
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    Add(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    Add(static_cast<double>(number));
    return true;
  }
  bool on_double(double number, json::string_view, json::error_code&) {
    Add(number);
    return true;
  }
  bool on_bool(bool value, json::error_code&) {
    Add(value);
    return true;
  }
  bool on_null(json::error_code&) {
    Add(std::monostate());
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  // Fault is what the parser's `error` at `offset` means.
  ReadIssue Fault(const json::error_code& error, std::size_t offset) {
    if (issue_) return *issue_;
    const std::string what = error == json::error::too_deep
                                 ? "nested more than " + std::to_string(kMaxJsonDepth) + " deep"
                                 : error.message();
    return {Code::kPolicySyntax, cursor_.SkipTo(offset), "not JSON: " + what};
  }

  std::unique_ptr<JsonDocument> Finish() { return std::move(document_); }

 private:
  bool Collect(json::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }

  template <typename T>
  JsonNode* Add(T value) {
    JsonNode& node = document_->nodes_.emplace_back();
    node.at = cursor_.Next();
    node.value = std::move(value);
    if (open_.empty()) {
      document_->root_ = &node;
    } else if (auto* array = std::get_if<JsonArray>(&open_.back()->value)) {
      array->elements.push_back(&node);
    } else {
      std::get_if<JsonObject>(&open_.back()->value)->members.back().value = &node;
    }
    return &node;
  }
  template <typename T>
  bool Open(T value) {
    open_.push_back(Add(std::move(value)));
    return true;
  }
  bool Close() {
    if (auto* object = std::get_if<JsonObject>(&open_.back()->value)) object->keys.clear();
    open_.pop_back();
    return true;
  }

  std::unique_ptr<JsonDocument> document_ = std::make_unique<JsonDocument>();
  std::vector<JsonNode*> open_;
  std::string text_;
  Cursor cursor_;
  std::optional<ReadIssue> issue_;
};

}  // namespace

ParsedDocument ParseJsonDocument(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::basic_parser<Builder> parser(options, text);
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
    error = json::error::extra_data;
  }
  if (error) return {nullptr, parser.handler().Fault(error, used)};
  std::unique_ptr<JsonDocument> document = parser.handler().Finish();
  if (document->root().kind() != ValueKind::kTable) {
    return {nullptr, ReadIssue{Code::kPolicySyntax, document->root().position(),
                               "expected an object, { ... }"}};
  }
  return {std::move(document), std::nullopt};
}

}  // namespace cotter::policy
