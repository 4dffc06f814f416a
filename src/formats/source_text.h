// SPDX-License-Identifier: Apache-2.0
//
// A foreign text with its lines, and what all readers make of it: positions, patterns, pins. Not
// thread-safe; borrows the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/exchange.h"
#include <cotter/pin.h>
#include <cotter/policy.h>
#include <cotter/result.h>

namespace cotter::formats {

// SourceText is one file that is text.
class SourceText {
 public:
  // Open checks that `file` is UTF-8 without NUL; a byte order mark is skipped. Fails with
  // kFormatMalformed, at the first byte that is not.
  [[nodiscard]] static Result<SourceText> Open(const InputFile& file);

  // OfLines is a file whose text is not at hand, only line numbers: every "offset" is one.
  [[nodiscard]] static SourceText OfLines(std::string_view name);

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

  // Line is the number of the line that holds `offset`, from 1.
  [[nodiscard]] std::uint32_t Line(std::size_t offset) const noexcept;

  // Position is "file:line:column", or less where less is known.
  [[nodiscard]] std::string Position(std::size_t offset) const;

  // Fail is an error whose message begins with the position.
  [[nodiscard]] Error Fail(std::size_t offset, Code code, const std::string& what) const;

  // Break is a mistake at `offset` that makes the file unusable, though reading can go on.
  [[nodiscard]] Loss Break(const HostRule& rule, std::size_t offset, Code code,
                           std::string what) const;

  // Pattern reads a host pattern that stands at `offset`; names are mapped by base::Idna().
  [[nodiscard]] Result<HostPattern> Pattern(std::string_view text, std::size_t offset) const;

  // NewRule is a rule without pins that stands at `offset`.
  [[nodiscard]] Result<HostRule> NewRule(std::string_view pattern, std::size_t offset) const;

  // AddPin reads `pin`, which stands at `offset`, and adds it to `rule` unless it is there. What is
  // no pin is a loss instead: a placeholder or the digest of nothing never matches, so leaving it
  // out changes no verdict; anything else breaks the file (Loss::breaks_at), but the next pin can
  // still be read. Base64 without its padding is read, as OkHttp does. Fails with kPolicyTooLarge.
  [[nodiscard]] Result<void> AddPin(HostRule& rule, std::string_view pin, std::size_t offset,
                                    std::vector<Loss>& losses,
                                    PinPlace place = PinPlace::kAny) const;

 private:
  SourceText() = default;
  explicit SourceText(const InputFile& file);

  std::string_view name_;
  std::string_view text_;
  std::vector<std::size_t> line_starts_;  // empty where offsets are lines
};

// Quoted repeats foreign text in a message: short, and in quotes.
[[nodiscard]] std::string Quoted(std::string_view text);

// TakeRule moves `rule` into `imported`, or tells that it is left out because it pins without a
// usable pin.
void TakeRule(ImportedPolicy& imported, HostRule rule);

}  // namespace cotter::formats
