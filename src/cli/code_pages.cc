// SPDX-License-Identifier: Apache-2.0
#include "cli/code_pages.h"

#include <algorithm>
#include <cstddef>

#include "cli/wrap.h"

namespace cotter::cli {
namespace {

constexpr std::string_view kHappened = "\n## What happened\n\n";
constexpr std::string_view kDiagnosis = "\n## How to find out why\n\n";
constexpr std::string_view kRemedy = "\n## What to do\n\n";

// WithoutLinks replaces [text](target) by its text.
std::string WithoutLinks(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t middle = text.find("](");
    const std::size_t open = middle == std::string_view::npos ? middle : text.rfind('[', middle);
    const std::size_t close = middle == std::string_view::npos ? middle : text.find(')', middle);
    if (open == std::string_view::npos || close == std::string_view::npos) break;
    out.append(text.substr(0, open)).append(text.substr(open + 1, middle - open - 1));
    text.remove_prefix(close + 1);
  }
  return out.append(text);
}

// AppendItems appends the lines of a paragraph or list, joined and wrapped again.
void AppendItems(std::string& out, std::string_view block) {
  std::string item;
  const auto end_item = [&] {
    const std::size_t indent = item.starts_with("- ") ? 2 : 0;
    if (!item.empty()) AppendWrapped(out, WithoutLinks(item), indent, 0);
    item.clear();
  };
  while (!block.empty()) {
    const std::size_t end = std::min(block.find('\n'), block.size());
    std::string_view line = block.substr(0, end);
    block.remove_prefix(std::min(end + 1, block.size()));
    if (line.starts_with("- ")) end_item();
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    item.append(item.empty() ? "" : " ").append(line);
  }
  end_item();
}

}  // namespace

std::optional<CodePage> FindCodePage(Code code) noexcept {
  const PageSource* source = FindPageSource(NameOf(code));
  if (source == nullptr) return std::nullopt;
  const std::string_view text = source->text;
  const std::size_t happened = text.find(kHappened);
  const std::size_t diagnosis = text.find(kDiagnosis);
  const std::size_t remedy = text.find(kRemedy);
  if (remedy == std::string_view::npos || !(happened < diagnosis && diagnosis < remedy)) {
    return std::nullopt;
  }
  const auto between = [&](std::size_t start, std::size_t heading, std::size_t end) {
    return text.substr(start + heading, end - start - heading);
  };
  return CodePage{.happened = between(happened, kHappened.size(), diagnosis),
                  .diagnosis = between(diagnosis, kDiagnosis.size(), remedy),
                  .remedy = between(remedy, kRemedy.size(), text.size())};
}

std::string RenderMarkdown(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    std::string_view block = text.substr(0, end);
    text.remove_prefix(std::min(end + 2, text.size()));
    if (block.ends_with('\n')) block.remove_suffix(1);
    if (!out.empty()) out += '\n';
    if (block.starts_with("    ")) {
      out.append(block).append("\n");
    } else {
      AppendItems(out, block);
    }
  }
  return out;
}

}  // namespace cotter::cli
