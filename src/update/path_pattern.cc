// SPDX-License-Identifier: Apache-2.0
#include "update/path_pattern.h"

#include <cstddef>

namespace cotter::update {
namespace {

// Next is how much of a pattern stands for one character: 1, or a whole [set].
std::size_t TokenLength(std::string_view pattern) noexcept {
  if (pattern.front() != '[') return 1;
  std::size_t at = 1;
  if (at < pattern.size() && pattern[at] == '!') ++at;
  if (at < pattern.size() && pattern[at] == ']') ++at;  // a first "]" is one of the set
  const std::size_t end = pattern.find(']', at);
  return end == std::string_view::npos ? 1 : end + 1;  // unclosed: "[" itself
}

bool TokenMatches(std::string_view token, char c) noexcept {
  if (token.size() == 1) return token.front() == '?' || token.front() == c;
  std::string_view set = token.substr(1, token.size() - 2);
  const bool negated = set.front() == '!' && set.size() > 1;
  if (negated) set.remove_prefix(1);
  const auto byte = static_cast<unsigned char>(c);
  bool found = false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (i + 2 < set.size() && set[i + 1] == '-') {
      found = found || (static_cast<unsigned char>(set[i]) <= byte &&
                        byte <= static_cast<unsigned char>(set[i + 2]));
      i += 2;
    } else {
      found = found || set[i] == c;
    }
  }
  return found != negated;
}

bool PartMatches(std::string_view pattern, std::string_view text) noexcept {
  // Where to go on when a later mismatch makes the last "*" take one character more.
  std::string_view after_star;
  std::string_view star_text;
  bool star = false;
  while (true) {
    if (!pattern.empty() && pattern.front() == '*') {
      pattern.remove_prefix(1);
      star = true;
      after_star = pattern;
      star_text = text;
      continue;
    }
    if (text.empty()) return pattern.empty();
    if (!pattern.empty()) {
      const std::size_t length = TokenLength(pattern);
      if (TokenMatches(pattern.substr(0, length), text.front())) {
        pattern.remove_prefix(length);
        text.remove_prefix(1);
        continue;
      }
    }
    if (!star) return false;
    star_text.remove_prefix(1);
    pattern = after_star;
    text = star_text;
  }
}

std::string_view TakePart(std::string_view& rest) noexcept {
  const std::size_t slash = rest.find('/');
  const std::string_view part = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return part;
}

}  // namespace

bool PathMatches(std::string_view pattern, std::string_view path) noexcept {
  while (true) {
    const bool last_pattern = pattern.find('/') == std::string_view::npos;
    const bool last_path = path.find('/') == std::string_view::npos;
    if (last_pattern != last_path) return false;
    if (!PartMatches(TakePart(pattern), TakePart(path))) return false;
    if (last_path) return true;
  }
}

}  // namespace cotter::update
