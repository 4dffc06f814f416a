// SPDX-License-Identifier: Apache-2.0
#include "formats/xml_tree.h"

#include <algorithm>
#include <optional>
#include <pugixml.hpp>

namespace cotter::formats {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool IsUtf8Name(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower == "utf-8" || lower == "utf8" || lower == "us-ascii";
}

bool IsAppleDtd(std::string_view declaration) {
  return declaration.starts_with("plist PUBLIC ") &&
         declaration.find('[') == std::string_view::npos &&
         (declaration.find("\"-//Apple//DTD PLIST 1.0//EN\"") != std::string_view::npos ||
          declaration.find("\"-//Apple Computer//DTD PLIST 1.0//EN\"") != std::string_view::npos);
}

class Converter {
 public:
  explicit Converter(const SourceText& source) : source_(source) {}

  bool Element(const pugi::xml_node& node, XmlElement& element, std::size_t depth) {
    element.name = node.name();
    element.offset = Offset(node);
    if (depth > kMaxXmlDepth) return Fail(element.offset, "elements are nested too deep");
    for (const pugi::xml_attribute& attribute : node.attributes()) {
      if (element.Attribute(attribute.name())) {
        return Fail(element.offset, "the attribute " + Quoted(attribute.name()) + " comes twice");
      }
      element.attributes.emplace_back(attribute.name(), attribute.value());
    }
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() == pugi::node_element) {
        if (!Element(child, element.children.emplace_back(), depth + 1)) return false;
      } else if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
        element.text += child.value();
      }
    }
    element.text = Trimmed(element.text);
    return true;
  }

  bool Declaration(const pugi::xml_node& node) {
    const pugi::xml_attribute encoding = node.attribute("encoding");
    if (encoding.empty() || IsUtf8Name(encoding.value())) return true;
    return Fail(Offset(node), "expected UTF-8, found encoding " + Quoted(encoding.value()));
  }

  bool Fail(std::size_t offset, const std::string& what) {
    error_ = source_.Fail(offset, Code::kFormatMalformed, what);
    return false;
  }

  static std::size_t Offset(const pugi::xml_node& node) {
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(node.offset_debug(), 0));
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const SourceText& source_;
  std::optional<Error> error_;
};

}  // namespace

std::optional<std::string_view> XmlElement::Attribute(std::string_view key) const noexcept {
  for (const auto& [known, value] : attributes) {
    if (known == key) return value;
  }
  return std::nullopt;
}

Result<XmlElement> ParseXml(const SourceText& source, Dtd allowed) {
  pugi::xml_document document;
  const std::string_view text = source.text();
  const pugi::xml_parse_result parsed = document.load_buffer(
      text.data(), text.size(), pugi::parse_default | pugi::parse_doctype | pugi::parse_declaration,
      pugi::encoding_utf8);
  if (!parsed) {
    return source.Fail(static_cast<std::size_t>(std::max<std::ptrdiff_t>(parsed.offset, 0)),
                       Code::kFormatMalformed, std::string("not XML: ") + parsed.description());
  }
  Converter converter(source);
  XmlElement root;
  std::size_t roots = 0;
  bool sound = true;
  for (const pugi::xml_node& node : document.children()) {
    if (!sound) break;
    if (node.type() == pugi::node_doctype) {
      if (allowed == Dtd::kApplePlist && IsAppleDtd(node.value())) continue;
      sound = converter.Fail(Converter::Offset(node),
                             "a DTD is refused: entities could stand for "
                             "anything");
    } else if (node.type() == pugi::node_declaration) {
      sound = converter.Declaration(node);
    } else if (node.type() == pugi::node_element) {
      sound = roots++ == 0 ? converter.Element(node, root, 0)
                           : converter.Fail(Converter::Offset(node), "a second root element");
    }
  }
  if (!sound) return *converter.error();
  if (roots == 0) return source.Fail(0, Code::kFormatMalformed, "not XML: no element");
  return root;
}

}  // namespace cotter::formats
