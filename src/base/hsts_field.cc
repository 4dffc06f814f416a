// SPDX-License-Identifier: Apache-2.0
#include "base/hsts_field.h"

#include <algorithm>
#include <charconv>

#include <system_error>

namespace cotter::base {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

bool SameWord(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// NextDirective takes the text up to the next semicolon that is not inside a quoted string; nullopt
// where a quote does not end.
std::optional<std::string_view> NextDirective(std::string_view& rest) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (quoted || rest[end] != ';'); ++end) {
    if (rest[end] == '"') quoted = !quoted;
    if (quoted && rest[end] == '\\') ++end;
  }
  if (quoted || end > rest.size()) return std::nullopt;
  const std::string_view directive = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return Trim(directive);
}

// ParseAge reads delta-seconds, quoted or not. A number beyond what fits is a long age.
std::optional<std::int64_t> ParseAge(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  if (text.empty() || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return error == std::errc{} ? std::min(seconds, kLongestHstsAge) : kLongestHstsAge;
}

}  // namespace

std::optional<HstsDirective> ParseHsts(std::string_view value) {
  std::optional<std::int64_t> age;
  HstsDirective directive;
  while (!value.empty()) {
    const std::optional<std::string_view> next = NextDirective(value);
    if (!next) return std::nullopt;
    const std::size_t equals = std::min(next->find('='), next->size());
    const std::string_view name = Trim(next->substr(0, equals));
    if (SameWord(name, "max-age")) {
      if (age || equals == next->size()) return std::nullopt;
      age = ParseAge(Trim(next->substr(equals + 1)));
      if (!age) return std::nullopt;
    } else if (SameWord(name, "preload")) {
      directive.preload = true;
    } else if (SameWord(name, "includesubdomains")) {
      if (directive.subdomains || equals != next->size()) return std::nullopt;
      directive.subdomains = true;
    }
  }
  if (!age) return std::nullopt;
  directive.max_age = *age;
  return directive;
}

}  // namespace cotter::base
