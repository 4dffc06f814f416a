// SPDX-License-Identifier: Apache-2.0
#include "formats/source_text.h"

#include <algorithm>
#include <utility>

#include "base/idna.h"
#include "base/utf8.h"

namespace cotter::formats {
namespace {

// Padded is base64 with the padding that some formats let people leave out.
std::string Padded(std::string_view pin) {
  std::string padded(pin);
  const std::size_t slash = pin.starts_with("sha256//") ? 8 : pin.starts_with("sha256/") ? 7 : 0;
  const std::size_t digits = pin.size() - slash;
  if (digits == 43 && !pin.ends_with('=')) padded += '=';
  return padded;
}

}  // namespace

SourceText::SourceText(const InputFile& file) : name_(file.name), text_(AsText(file.bytes)) {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  line_starts_.push_back(0);
  for (std::size_t at = text_.find('\n'); at != std::string_view::npos;
       at = text_.find('\n', at + 1)) {
    line_starts_.push_back(at + 1);
  }
}

Result<SourceText> SourceText::Open(const InputFile& file) {
  if (file.bytes.size() > kMaxForeignText) {
    return Error{Code::kFileTooLarge, std::string(file.name) + ": expected at most " +
                                          std::to_string(kMaxForeignText) + " bytes of text"};
  }
  SourceText source(file);
  const std::size_t invalid = base::InvalidUtf8(source.text_);
  if (invalid != std::string_view::npos) {
    return source.Fail(invalid, Code::kFormatMalformed, "expected UTF-8");
  }
  const std::size_t nul = source.text_.find('\0');
  if (nul != std::string_view::npos) {
    return source.Fail(nul, Code::kFormatMalformed, "expected text, found a NUL byte");
  }
  return source;
}

SourceText SourceText::OfLines(std::string_view name) {
  SourceText source;
  source.name_ = name;
  return source;
}

std::uint32_t SourceText::Line(std::size_t offset) const noexcept {
  if (line_starts_.empty()) return static_cast<std::uint32_t>(offset);
  const auto next = std::ranges::upper_bound(line_starts_, offset);
  return static_cast<std::uint32_t>(next - line_starts_.begin());
}

std::string SourceText::Position(std::size_t offset) const {
  const std::uint32_t line = Line(offset);
  std::string position(name_);
  if (line == 0) return position;
  position += ":" + std::to_string(line);
  if (line_starts_.empty()) return position;
  return position + ":" + std::to_string(offset - line_starts_[line - 1] + 1);
}

Error SourceText::Fail(std::size_t offset, Code code, const std::string& what) const {
  return {code, Position(offset) + ": " + what};
}

Loss SourceText::Break(const HostRule& rule, std::size_t offset, Code code,
                       std::string what) const {
  return {.rule = rule.pattern.ToString(),
          .what = std::move(what),
          .severity = Severity::kEnforcement,
          .line = Line(offset),
          .fault = code,
          .breaks_at = Position(offset)};
}

Result<HostPattern> SourceText::Pattern(std::string_view text, std::size_t offset) const {
  Result<HostPattern> pattern = HostPattern::Parse(text, &base::Idna());
  if (pattern) return pattern;
  return Fail(offset, pattern.error().code, pattern.error().message);
}

Result<HostRule> SourceText::NewRule(std::string_view pattern, std::size_t offset) const {
  Result<HostPattern> parsed = Pattern(pattern, offset);
  if (!parsed) return parsed.error();
  HostRule rule{.pattern = *std::move(parsed)};
  rule.line = Line(offset);
  return rule;
}

Result<void> SourceText::AddPin(HostRule& rule, std::string_view pin, std::size_t offset,
                                std::vector<Loss>& losses, PinPlace place) const {
  const Result<Digest> digest = ParsePin(Padded(pin));
  if (!digest) {
    const Code code = digest.error().code;
    Loss loss = Break(rule, offset, code, digest.error().message);
    if (code == Code::kPinPlaceholder || code == Code::kPinEmptyInput) {
      loss.what = "a pin is left out, it can never match: " + loss.what;
      loss.severity = Severity::kNote;
      loss.breaks_at.clear();
    }
    losses.push_back(std::move(loss));
    return Ok();
  }
  PolicyPin entry;
  entry.pin.digest = *digest;
  entry.pin.place = place;
  if (std::ranges::find(rule.pins, entry) != rule.pins.end()) return Ok();
  if (rule.pins.size() == kMaxPinsPerRule) {
    return Fail(offset, Code::kPolicyTooLarge,
                "expected at most " + std::to_string(kMaxPinsPerRule) + " pins of one host");
  }
  rule.pins.push_back(std::move(entry));
  return Ok();
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string shown = "\"";
  for (const char c : text.substr(0, kShown)) {
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  return shown + (text.size() > kShown ? "...\"" : "\"");
}

void TakeRule(ImportedPolicy& imported, HostRule rule) {
  if (rule.mode == Mode::kOff || !rule.pins.empty()) {
    imported.policy.hosts.push_back(std::move(rule));
    return;
  }
  imported.losses.push_back({.rule = rule.pattern.ToString(),
                             .what = "is left out: it has no pin that could ever match, so it "
                                     "refuses every connection",
                             .severity = Severity::kEnforcement,
                             .line = rule.line,
                             .fault = Code::kPolicyNoUsablePin});
}

}  // namespace cotter::formats
