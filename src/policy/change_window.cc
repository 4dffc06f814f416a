// SPDX-License-Identifier: Apache-2.0
#include "policy/change_window.h"

#include <algorithm>
#include <array>
#include <optional>

namespace cotter::policy {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::int64_t kMinutesADay = 24 * 60;
constexpr std::int64_t kMinutesAWeek = 7 * kMinutesADay;

// ReadClock reads "06:30" as minutes after midnight. 24:00 is not a time of this day.
std::optional<std::uint16_t> ReadClock(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  if (!digit(0) || !digit(1) || !digit(3) || !digit(4)) return std::nullopt;
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 23 || minute > 59) return std::nullopt;
  return static_cast<std::uint16_t>(hour * 60 + minute);
}

std::string Clock(std::uint16_t minutes) {
  const auto two = [](unsigned number) {
    return std::string(1, static_cast<char>('0' + number / 10)) +
           static_cast<char>('0' + number % 10);
  };
  return two(minutes / 60U) + ":" + two(minutes % 60U);
}

}  // namespace

Result<ChangeWindow> ParseChangeWindow(std::string_view text) {
  const auto day = std::ranges::find(kDays, text.substr(0, 3));
  const bool shaped = text.size() == 15 && day != kDays.end() && text[3] == ' ' && text[9] == '-';
  const auto begin = shaped ? ReadClock(text.substr(4, 5)) : std::nullopt;
  const auto end = shaped ? ReadClock(text.substr(10)) : std::nullopt;
  if (!begin || !end || *begin == *end) {
    return Error{Code::kTimeInvalid, "expected a day and two times in UTC, as \"Tue 06:00-08:00\""};
  }
  return ChangeWindow{static_cast<std::uint8_t>(day - kDays.begin()), *begin, *end};
}

std::string FormatChangeWindow(const ChangeWindow& window) {
  return std::string(kDays[window.weekday % kDays.size()]) + " " + Clock(window.begin) + "-" +
         Clock(window.end);
}

bool IsInWindow(std::span<const ChangeWindow> windows, Time time) noexcept {
  if (windows.empty()) return true;
  // 1970-01-01 was a Thursday; weeks here begin on Sunday.
  const std::int64_t minutes = time.unix_seconds / 60 - (time.unix_seconds % 60 < 0 ? 1 : 0);
  const std::int64_t now =
      ((minutes + 4 * kMinutesADay) % kMinutesAWeek + kMinutesAWeek) % kMinutesAWeek;
  return std::ranges::any_of(windows, [&](const ChangeWindow& window) {
    const std::int64_t begin = window.weekday * kMinutesADay + window.begin;
    const std::int64_t length = window.end > window.begin
                                    ? window.end - window.begin
                                    : kMinutesADay - window.begin + window.end;
    return (now - begin + kMinutesAWeek) % kMinutesAWeek < length;
  });
}

}  // namespace cotter::policy
