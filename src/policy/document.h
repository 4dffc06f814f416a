// SPDX-License-Identifier: Apache-2.0
//
// Documents in TOML and JSON, parsed strictly and bounded, as Values. Safe from any thread, each
// document for one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "policy/table_reader.h"
#include "policy/value.h"

namespace cotter::policy {

// Document is a parsed text. Values borrow from it.
class Document {
 public:
  virtual ~Document() = default;
  [[nodiscard]] virtual Value root() const = 0;  // a table
};

// ParsedDocument is a document, or why there is none. Exactly one member is set.
struct ParsedDocument {
  std::unique_ptr<Document> document;
  std::optional<ReadIssue> issue;
};

// ParseTomlDocument parses TOML 1.0. Positions are those in `text`, `lines_before` lines further
// down. Borrows nothing from `text`. The issue's code is kPolicySyntax.
[[nodiscard]] ParsedDocument ParseTomlDocument(std::string_view text,
                                               std::uint32_t lines_before = 0);

// ParseJsonDocument parses RFC 8259 JSON whose root is an object, more strictly than most: a key
// that stands twice in one object, nesting deeper than kMaxJsonDepth, and text that is not UTF-8
// are refused. Numbers too large for 64 bits are read as floats, which no key takes.
[[nodiscard]] ParsedDocument ParseJsonDocument(std::string_view text);

// A policy nests four deep.
inline constexpr std::size_t kMaxJsonDepth = 16;

}  // namespace cotter::policy
