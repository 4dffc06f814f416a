// SPDX-License-Identifier: Apache-2.0
//
// The pages of docs/codes, built into the program so that `cotter explain` needs no files. Constant
// data and pure functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <cotter/code.h>

namespace cotter::cli {

// CodePage is one page, taken apart at its three headings. The texts are Markdown, with static
// storage.
struct CodePage {
  std::string_view happened;   // what happened
  std::string_view diagnosis;  // how to find out why
  std::string_view remedy;     // what to do
};

// FindCodePage is the page of `code`. Every code has one: a test sees to it; nullopt otherwise.
[[nodiscard]] std::optional<CodePage> FindCodePage(Code code) noexcept;

// RenderMarkdown is `text` for a terminal: paragraphs and list items wrapped, code as it stands,
// links by their text alone. It understands what the pages use. Allocates.
[[nodiscard]] std::string RenderMarkdown(std::string_view text);

// PageSource is one file of docs/codes: its name without ".md", and its content.
struct PageSource {
  std::string_view name;
  std::string_view text;
};

// FindPageSource is the file called `name`, made by the build; null if there is none.
[[nodiscard]] const PageSource* FindPageSource(std::string_view name) noexcept;

}  // namespace cotter::cli
