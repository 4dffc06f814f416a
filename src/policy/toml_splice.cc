// SPDX-License-Identifier: Apache-2.0
//
// Takes 5 CPU-seconds to compile, as all that includes toml++ does.
#include "policy/toml_splice.h"

#include <algorithm>

#include "base/idna.h"
#include "policy/toml.h"

namespace cotter::policy {
namespace {

// Lines turns the parser's lines and columns into offsets. Its columns count code points.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    for (std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0; at != std::string_view::npos;) {
      starts_.push_back(at);
      at = text.find('\n', at);
      if (at != std::string_view::npos) ++at;
    }
  }

  [[nodiscard]] std::size_t Offset(const toml::source_position& position) const {
    if (position.line == 0 || position.line > starts_.size()) return text_.size();
    std::size_t at = starts_[position.line - 1];
    for (std::uint32_t column = 1; column < position.column && at < text_.size(); ++column) {
      ++at;
      while (at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xC0U) == 0x80U) ++at;
    }
    return at;
  }

  [[nodiscard]] Span Of(const toml::node& node) const {
    return {Offset(node.source().begin), Offset(node.source().end)};
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

ArraySpot SpotOf(const Lines& lines, const toml::array& array) {
  ArraySpot spot{lines.Of(array), {}};
  for (const toml::node& element : array) spot.elements.push_back(lines.Of(element));
  return spot;
}

HostSpot Describe(std::string_view text, const Lines& lines, const toml::table& host) {
  HostSpot spot;
  if (host.is_inline()) spot.trouble = "is an inline table; write it as [[host]] to edit it";
  const std::size_t pattern = lines.Of(*host.get("pattern")).end;
  spot.after_pattern = std::min(text.find('\n', pattern), text.size() - 1) + 1;
  if (const auto* pins = host.get_as<toml::array>("pins")) {
    const Span span = lines.Of(*pins);
    const bool is_inline = span.begin < text.size() && text[span.begin] == '[' &&
                           !text.substr(span.begin).starts_with("[[");
    if (!is_inline) {
      spot.trouble = "has its pins as [[host.pins]] tables; write them as an array to edit them";
    }
    spot.pins = SpotOf(lines, *pins);
    for (const toml::node& element : *pins) {
      const toml::node* value = element.is_table() ? element.as_table()->get("pin") : nullptr;
      if (value == nullptr || !value->is_string()) continue;
      spot.pin_spots.push_back({lines.Of(element), lines.Of(*value), value->as_string()->get()});
    }
  }
  if (const auto* history = host.get_as<toml::array>("history")) {
    spot.history = SpotOf(lines, *history);
  }
  if (const toml::node* updated = host.get("updated")) spot.updated = lines.Of(*updated);
  if (const toml::node* reason = host.get("reason")) spot.reason = lines.Of(*reason);
  return spot;
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

std::size_t LineBegin(std::string_view text, std::size_t at) {
  const std::size_t line_break = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return line_break == std::string_view::npos ? 0 : line_break + 1;
}

// SkipComments is the first offset from `at` that is neither blank nor comment.
std::size_t SkipComments(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (std::string_view(" \t\r\n").find(text[at]) == std::string_view::npos) {
      break;
    } else {
      ++at;
    }
  }
  return at;
}

}  // namespace

std::optional<HostSpot> FindHost(std::string_view text, const HostPattern& pattern) {
  const toml::parse_result parsed = toml::parse(text, std::string_view());
  if (!parsed) return std::nullopt;
  const auto* hosts = parsed.table().get_as<toml::array>("host");
  if (hosts == nullptr) return std::nullopt;
  const Lines lines(text);
  for (const toml::node& node : *hosts) {
    const auto* host = node.as_table();
    const auto* written = host == nullptr ? nullptr : host->get_as<std::string>("pattern");
    if (written == nullptr) continue;
    const Result<HostPattern> read = HostPattern::Parse(written->get(), &base::Idna());
    if (read && *read == pattern) return Describe(text, lines, *host);
  }
  return std::nullopt;
}

void Splice(std::string& text, Span span, std::string_view replacement) {
  text.replace(span.begin, span.end - span.begin, replacement);
}

void AppendElement(std::string& text, const ArraySpot& array, std::string_view element) {
  const std::size_t bracket = array.array.end - 1;
  if (array.elements.empty()) {
    text.insert(bracket,
                (text[bracket - 1] == '\n' ? "  " : "\n  ") + std::string(element) + ",\n");
    return;
  }
  const Span last = array.elements.back();
  const bool comma = text[SkipComments(text, last.end)] == ',';
  const std::size_t line = LineBegin(text, last.begin);
  const std::string indent = text.substr(line, last.begin - line);
  const bool own_line =
      IsBlank(indent) && IsBlank(std::string_view(text).substr(LineBegin(text, bracket),
                                                               bracket - LineBegin(text, bracket)));
  if (own_line && line != LineBegin(text, bracket)) {
    text.insert(LineBegin(text, bracket), indent + std::string(element) + ",\n");
    if (!comma) text.insert(last.end, ",");
    return;
  }
  const std::size_t after = comma ? SkipComments(text, last.end) + 1 : last.end;
  text.insert(after, (comma ? " " : ", ") + std::string(element));
}

void RemoveElement(std::string& text, const ArraySpot& array, std::size_t at) {
  const Span element = array.elements[at];
  std::size_t end = element.end;
  const std::size_t next = SkipComments(text, end);
  const bool comma = text[next] == ',';
  if (comma) end = next + 1;
  const std::size_t line = LineBegin(text, element.begin);
  const std::size_t line_end = std::min(text.find('\n', end), text.size());
  const std::string_view rest = std::string_view(text).substr(end, line_end - end);
  const std::size_t content = rest.find_first_not_of(" \t\r");
  const bool alone = content == std::string_view::npos || rest[content] == '#';
  if (alone && IsBlank(std::string_view(text).substr(line, element.begin - line))) {
    text.erase(line, std::min(line_end + 1, text.size()) - line);
    return;
  }
  std::size_t begin = element.begin;
  if (comma) {
    while (end < text.size() && text[end] == ' ') ++end;
  } else if (at != 0) {
    begin = array.elements[at - 1].end;  // the comma in front of it goes too
  }
  text.erase(begin, end - begin);
}

}  // namespace cotter::policy
