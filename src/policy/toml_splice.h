// SPDX-License-Identifier: Apache-2.0
//
// Where things stand in the TOML text of a policy, and small changes of that text. Used by
// policy_edit alone, by one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/host.h>

namespace cotter::policy {

// Span is bytes of a text, `end` excluded.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// PinSpot is one pin: its table, the value of its key `pin`, and that value read.
struct PinSpot {
  Span table;
  Span value;
  std::string pin;
};

// ArraySpot is an inline array and its elements.
struct ArraySpot {
  Span array;
  std::vector<Span> elements;
};

// HostSpot is one [[host]].
struct HostSpot {
  std::size_t after_pattern = 0;  // behind the line of `pattern`
  std::string_view trouble;       // why it cannot be edited in place; static storage
  std::optional<ArraySpot> pins;
  std::vector<PinSpot> pin_spots;
  std::optional<ArraySpot> history;
  std::optional<Span> updated;
  std::optional<Span> reason;
};

// FindHost is where the first rule with `pattern` stands; nullopt where there is none, or `text` is
// no TOML.
[[nodiscard]] std::optional<HostSpot> FindHost(std::string_view text, const HostPattern& pattern);

// Splice puts `replacement` in the place of `span`.
void Splice(std::string& text, Span span, std::string_view replacement);

// AppendElement adds `element` behind the others of `array`, on a line of its own where they are.
void AppendElement(std::string& text, const ArraySpot& array, std::string_view element);

// RemoveElement removes the element with the index `at`, with its line where it has one.
void RemoveElement(std::string& text, const ArraySpot& array, std::size_t at);

}  // namespace cotter::policy
