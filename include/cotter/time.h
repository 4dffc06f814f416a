// SPDX-License-Identifier: Apache-2.0
//
// A point in time as cotter uses it: whole seconds of UTC. Nothing here reads a clock; the time of
// a decision is always a parameter. Pure functions, safe from any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <cotter/result.h>

namespace cotter {

// Time is a count of seconds since 1970-01-01T00:00:00Z, leap seconds not counted. Negative before
// that.
struct Time {
  std::int64_t unix_seconds = 0;

  friend constexpr auto operator<=>(const Time&, const Time&) = default;
};

// CivilTime is a Time taken apart in the proleptic Gregorian calendar, UTC.
struct CivilTime {
  std::int64_t year = 1970;
  unsigned month = 1;   // 1 to 12
  unsigned day = 1;     // 1 to 31
  unsigned hour = 0;    // 0 to 23
  unsigned minute = 0;  // 0 to 59
  unsigned second = 0;  // 0 to 59
};

// FromCivil is the Time of `civil`, or kTimeInvalid where a field is out of its range (30 February,
// second 60).
[[nodiscard]] Result<Time> FromCivil(const CivilTime& civil);

// ToCivil takes `time` apart. Total: every Time has a date.
[[nodiscard]] CivilTime ToCivil(Time time) noexcept;

// ParseTime reads an RFC 3339 date-time ("2027-06-01T00:00:00Z", offsets allowed, fractions
// dropped) or a bare date
// ("2027-06-01", meaning 00:00:00 UTC of that day). Fails with kTimeInvalid.
[[nodiscard]] Result<Time> ParseTime(std::string_view text);

// FormatTime writes RFC 3339 in UTC: "2027-06-01T00:00:00Z". Allocates the result.
[[nodiscard]] std::string FormatTime(Time time);

// FormatDate writes the UTC date alone: "2027-06-01". Allocates the result.
[[nodiscard]] std::string FormatDate(Time time);

}  // namespace cotter
