// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_reader.h"
#include "policy/document.h"

namespace cotter::policy {
namespace {

using Kind = base::JsonEvent::Kind;

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
};

// A number that no key takes: a fraction, or too large for 64 bits.
struct JsonFloat {};

struct JsonNode {
  SourcePosition at;
  std::variant<std::monostate, std::string, std::int64_t, JsonFloat, bool, JsonArray, JsonObject>
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

// Lines turns offsets, which only grow, into positions.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  SourcePosition At(std::size_t offset) {
    for (; at_ < offset && at_ < text_.size(); ++at_) {
      const bool line_ends = text_[at_] == '\n';
      position_.line += line_ends ? 1 : 0;
      position_.column = line_ends ? 1 : position_.column + 1;
    }
    return position_;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  SourcePosition position_{1, 1};
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

// Builder makes the document.
class Builder final : public base::JsonSink {
 public:
  explicit Builder(std::string_view text) : lines_(text) {}

  const char* On(base::JsonEvent event) override {
    switch (event.kind) {
      case Kind::kObject:
        open_.push_back(Add(event, JsonObject{}));
        break;
      case Kind::kArray:
        open_.push_back(Add(event, JsonArray{}));
        break;
      case Kind::kEnd:
        open_.pop_back();
        break;
      case Kind::kKey:
        std::get_if<JsonObject>(&open_.back()->value)
            ->members.push_back({std::move(event.text), lines_.At(event.at), nullptr});
        break;
      case Kind::kString:
        Add(event, std::move(event.text));
        break;
      case Kind::kNumber:
        AddNumber(event);
        break;
      case Kind::kTrue:
      case Kind::kFalse:
        Add(event, event.kind == Kind::kTrue);
        break;
      case Kind::kNull:
        Add(event, std::monostate());
        break;
    }
    return nullptr;
  }

  // Fault is what the reader refused.
  ReadIssue Fault(const base::JsonFault& fault) {
    return {Code::kPolicySyntax, lines_.At(fault.at), "not JSON: " + fault.what};
  }

  std::unique_ptr<JsonDocument> Finish() { return std::move(document_); }

 private:
  void AddNumber(const base::JsonEvent& event) {
    std::int64_t number = 0;
    const char* end = event.text.data() + event.text.size();
    const auto [used, error] = std::from_chars(event.text.data(), end, number);
    if (error == std::errc() && used == end) {
      Add(event, number);
    } else {
      Add(event, JsonFloat{});
    }
  }

  template <typename T>
  JsonNode* Add(const base::JsonEvent& event, T value) {
    JsonNode& node = document_->nodes_.emplace_back();
    node.at = lines_.At(event.at);
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

  std::unique_ptr<JsonDocument> document_ = std::make_unique<JsonDocument>();
  std::vector<JsonNode*> open_;
  Lines lines_;
};

}  // namespace

ParsedDocument ParseJsonDocument(std::string_view text) {
  Builder builder(text);
  const base::JsonRead read = base::ReadJson(text, builder, {.max_depth = kMaxJsonDepth});
  if (read.fault) return {nullptr, builder.Fault(*read.fault)};
  std::unique_ptr<JsonDocument> document = builder.Finish();
  if (document->root().kind() != ValueKind::kTable) {
    return {nullptr, ReadIssue{Code::kPolicySyntax, document->root().position(),
                               "expected an object, { ... }"}};
  }
  return {std::move(document), std::nullopt};
}

}  // namespace cotter::policy
