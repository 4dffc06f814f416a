// SPDX-License-Identifier: Apache-2.0
#include "client/redact.h"

#include <algorithm>

#include <cotter/report.h>

namespace cotter::client {
namespace {

char Lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool SameName(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string RedactedLine(std::string_view line) {
  const std::size_t colon = line.find(':');
  // A header's name has no space in it; a request or status line has one before any colon.
  if (colon != std::string_view::npos && colon < line.find(' ')) {
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    const report::Header header{std::string(line.substr(0, colon)), std::string(value)};
    const report::Header redacted = report::RedactHeaders({&header, 1}).front();
    return redacted.name + ": " + redacted.value;
  }
  const std::size_t query = line.find('?');
  if (query == std::string_view::npos) return std::string(line);
  const std::size_t end = std::min(line.find(' ', query), line.size());
  return std::string(line.substr(0, query)) + "?[redacted]" + std::string(line.substr(end));
}

}  // namespace cotter::client
