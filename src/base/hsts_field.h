// SPDX-License-Identifier: Apache-2.0
//
// The Strict-Transport-Security field (RFC 6797, 6.1). Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cotter::base {

// RFC 6797 sets no bound. Ten years are longer than any certificate, and keep sums far from the end
// of the calendar.
inline constexpr std::int64_t kLongestHstsAge = std::int64_t{10} * 366 * 86'400;

// HstsDirective is what one Strict-Transport-Security header says.
struct HstsDirective {
  std::int64_t max_age = 0;  // seconds; 0: forget the host
  bool subdomains = false;
  bool preload = false;  // of the browsers' preload list, which is no part of the RFC

  friend bool operator==(const HstsDirective&, const HstsDirective&) = default;
};

// ParseHsts reads the header's value (RFC 6797, 6.1): directives in any order and case, each at
// most once, max-age required, unknown ones skipped. Nullopt where it breaks the grammar: such a
// header is ignored.
[[nodiscard]] std::optional<HstsDirective> ParseHsts(std::string_view value);

}  // namespace cotter::base
