// SPDX-License-Identifier: Apache-2.0
#include "formats/yaml_tree.h"

#include <memory>
#include <optional>
#include <unordered_set>

#include <yaml.h>

namespace cotter::formats {
namespace {

// Event is one event of libyaml, given back when it goes.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event_); }

  [[nodiscard]] yaml_event_t& get() { return event_; }
  [[nodiscard]] yaml_event_type_t type() const { return event_.type; }
  [[nodiscard]] std::size_t offset() const { return event_.start_mark.index; }
  [[nodiscard]] std::string Text() const {
    return std::string(AsText({event_.data.scalar.value, event_.data.scalar.length}));
  }
  [[nodiscard]] bool HasAnchor() const {
    if (type() == YAML_SCALAR_EVENT) return event_.data.scalar.anchor != nullptr;
    if (type() == YAML_MAPPING_START_EVENT) return event_.data.mapping_start.anchor != nullptr;
    if (type() == YAML_SEQUENCE_START_EVENT) return event_.data.sequence_start.anchor != nullptr;
    return type() == YAML_ALIAS_EVENT;
  }

 private:
  yaml_event_t event_{};
};

class TreeParser {
 public:
  explicit TreeParser(const SourceText& source) : source_(source) {
    initialized_ = yaml_parser_initialize(&parser_) != 0;
    const ByteView bytes = AsBytes(source.text());
    if (!initialized_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, bytes.data(), bytes.size());
  }
  TreeParser(const TreeParser&) = delete;
  TreeParser& operator=(const TreeParser&) = delete;
  ~TreeParser() {
    if (initialized_) yaml_parser_delete(&parser_);
  }

  Result<YamlNode> Parse() {
    YamlNode root;
    for (yaml_event_type_t type = YAML_NO_EVENT; type != YAML_DOCUMENT_START_EVENT;) {
      Event event;
      if (!Next(event)) return *error_;
      type = event.type();
      if (type == YAML_STREAM_END_EVENT) Fail(0, "an empty file");
      if (error_) return *error_;
    }
    Event first;
    if (!Next(first) || !Node(first, root, 0)) return *error_;
    return root;
  }

 private:
  bool Fail(std::size_t offset, const std::string& what) {
    if (!error_) error_ = source_.Fail(offset, Code::kFormatMalformed, what);
    return false;
  }

  bool Next(Event& event) {
    if (!initialized_ || yaml_parser_parse(&parser_, &event.get()) == 0) {
      return Fail(std::min<std::size_t>(parser_.problem_mark.index, source_.text().size()),
                  std::string("not YAML: ") +
                      (parser_.problem == nullptr ? "unreadable" : parser_.problem));
    }
    if (event.HasAnchor()) {
      return Fail(event.offset(), "anchors and aliases are refused: write the value out");
    }
    return true;
  }

  bool Node(Event& event, YamlNode& node, std::size_t depth) {
    node.offset = event.offset();
    if (depth > kMaxYamlDepth || ++nodes_ > kMaxYamlNodes) {
      return Fail(node.offset, "values are nested too deep, or are too many");
    }
    switch (event.type()) {
      case YAML_SCALAR_EVENT:
        node.text = event.Text();
        return true;
      case YAML_SEQUENCE_START_EVENT:
        node.kind = YamlNode::Kind::kSequence;
        return Items(node, depth);
      case YAML_MAPPING_START_EVENT:
        node.kind = YamlNode::Kind::kMap;
        return Members(node, depth);
      default:
        return Fail(node.offset, "expected a value");
    }
  }

  bool Items(YamlNode& node, std::size_t depth) {
    while (true) {
      Event event;
      if (!Next(event)) return false;
      if (event.type() == YAML_SEQUENCE_END_EVENT) return true;
      if (!Node(event, node.items.emplace_back(), depth + 1)) return false;
    }
  }

  bool Members(YamlNode& node, std::size_t depth) {
    std::unordered_set<std::string> seen;
    while (true) {
      Event key;
      if (!Next(key)) return false;
      if (key.type() == YAML_MAPPING_END_EVENT) return true;
      if (key.type() != YAML_SCALAR_EVENT) return Fail(key.offset(), "expected a plain key");
      if (!seen.insert(key.Text()).second) {
        return Fail(key.offset(), "the key " + Quoted(key.Text()) + " stands here twice");
      }
      Event value;
      node.members.emplace_back(key.Text(), YamlNode{});
      if (!Next(value) || !Node(value, node.members.back().second, depth + 1)) return false;
    }
  }

  const SourceText& source_;
  yaml_parser_t parser_{};
  bool initialized_ = false;
  std::size_t nodes_ = 0;
  std::optional<Error> error_;
};

}  // namespace

YamlNode::YamlNode() = default;
YamlNode::YamlNode(const YamlNode& other) = default;
YamlNode::YamlNode(YamlNode&& other) noexcept = default;
YamlNode& YamlNode::operator=(const YamlNode& other) = default;
YamlNode& YamlNode::operator=(YamlNode&& other) noexcept = default;
YamlNode::~YamlNode() = default;

const YamlNode* YamlNode::Find(std::string_view key) const noexcept {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<YamlNode> ParseYaml(const SourceText& source) { return TreeParser(source).Parse(); }

}  // namespace cotter::formats
