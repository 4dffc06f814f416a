// SPDX-License-Identifier: Apache-2.0
#include "probe/known_issuers.h"

#include <array>
#include <cstddef>

#include "policy/known_names.h"

namespace cotter::probe {
namespace {

char Lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool SameLetter(char a, char b) noexcept { return Lower(a) == Lower(b); }

// Fits matches a pattern whose only special character is "*". Each star is tried once more after
// the last one, so the time is at most the product of the lengths.
bool Fits(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && SameLetter(pattern[p], text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool FitsOrEmpty(std::string_view pattern, std::string_view text) noexcept {
  return pattern.empty() || (!text.empty() && Fits(pattern, text));
}

std::string_view Trim(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

enum Column : std::size_t { kKind, kName, kCommonName, kOrganization, kSource, kColumns };

std::array<std::string_view, kColumns> ColumnsOf(std::string_view line) noexcept {
  std::array<std::string_view, kColumns> columns;
  for (std::string_view& column : columns) {
    const std::size_t bar = line.find('|');
    column = Trim(line.substr(0, bar));
    line.remove_prefix(bar == std::string_view::npos ? line.size() : bar + 1);
  }
  return columns;
}

bool Describes(const std::array<std::string_view, kColumns>& entry, const SeenName& name) noexcept {
  if (entry[kCommonName].empty() && entry[kOrganization].empty()) return false;
  return FitsOrEmpty(entry[kCommonName], name.common_name) &&
         (FitsOrEmpty(entry[kOrganization], name.organization) ||
          FitsOrEmpty(entry[kOrganization], name.unit));
}

}  // namespace

std::optional<KnownIssuer> FindKnownIssuer(const SeenName& name) {
  std::optional<KnownIssuer> known;
  policy::ForEachLine(policy::DataText("known_issuers"), [&](std::string_view line) {
    if (known) return;
    const auto entry = ColumnsOf(line);
    if (!Describes(entry, name)) return;
    const bool origin = entry[kKind] == "origin";
    known = KnownIssuer{origin ? IssuerKind::kOrigin : IssuerKind::kInspection, entry[kName]};
  });
  return known;
}

std::string_view CaptivePortalOf(const Digest& spki) {
  std::string_view portal;
  policy::ForEachLine(policy::DataText("captive_portals"), [&](std::string_view line) {
    const std::size_t space = line.find(' ');
    const Result<Digest> pin = ParsePin(line.substr(0, space));
    const bool same = pin && *pin == spki && space != std::string_view::npos;
    if (portal.empty() && same) portal = line.substr(space + 1);
  });
  return portal;
}

}  // namespace cotter::probe
