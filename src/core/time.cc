// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <optional>

#include <cotter/time.h>

namespace cotter {
namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;

// The years that an RFC 3339 text and an X.509 date can hold.
constexpr std::int64_t kFirstYear = 0;
constexpr std::int64_t kLastYear = 9999;

// Reader takes fixed-width decimal fields off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::optional<unsigned> Digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    unsigned value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = rest_[i];
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  bool Skip(std::string_view one_of) {
    if (rest_.empty() || one_of.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::optional<CivilTime> ReadDate(Reader& reader) {
  const auto year = reader.Digits(4);
  if (!year || !reader.Skip("-")) return std::nullopt;
  const auto month = reader.Digits(2);
  if (!month || !reader.Skip("-")) return std::nullopt;
  const auto day = reader.Digits(2);
  if (!day) return std::nullopt;
  return CivilTime{.year = *year, .month = *month, .day = *day};
}

bool ReadTimeOfDay(Reader& reader, CivilTime& civil) {
  const auto hour = reader.Digits(2);
  if (!hour || !reader.Skip(":")) return false;
  const auto minute = reader.Digits(2);
  if (!minute || !reader.Skip(":")) return false;
  const auto second = reader.Digits(2);
  if (!second) return false;
  civil.hour = *hour;
  civil.minute = *minute;
  civil.second = *second;
  if (!reader.Skip(".")) return true;
  if (!reader.Digits(1)) return false;
  while (reader.Digits(1)) {
  }
  return true;
}

// ReadOffset reads "Z" or "+hh:mm" and returns its seconds.
std::optional<std::int64_t> ReadOffset(Reader& reader) {
  if (reader.Skip("Zz")) return 0;
  const bool east = reader.Skip("+");
  if (!east && !reader.Skip("-")) return std::nullopt;
  const auto hours = reader.Digits(2);
  if (!hours || *hours > 23 || !reader.Skip(":")) return std::nullopt;
  const auto minutes = reader.Digits(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = std::int64_t{*hours} * 3600 + std::int64_t{*minutes} * 60;
  return east ? seconds : -seconds;
}

void AppendPadded(std::string& text, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) text.append(width - digits.size(), '0');
  text += digits;
}

Error Invalid(std::string_view text) {
  return Error{Code::kTimeInvalid,
               "expected a date such as 2027-06-01 or 2027-06-01T00:00:00Z, "
               "found \"" +
                   std::string(text.substr(0, 40)) + "\""};
}

}  // namespace

Result<Time> FromCivil(const CivilTime& civil) {
  namespace chrono = std::chrono;
  const bool year_in_range = civil.year >= kFirstYear && civil.year <= kLastYear;
  const chrono::year_month_day date{chrono::year{year_in_range ? static_cast<int>(civil.year) : 0},
                                    chrono::month{civil.month}, chrono::day{civil.day}};
  const bool in_range =
      year_in_range && date.ok() && civil.hour < 24 && civil.minute < 60 && civil.second < 60;
  if (!in_range) return Error{Code::kTimeInvalid, "a field of the date is out of its range"};
  const std::int64_t days = chrono::sys_days{date}.time_since_epoch().count();
  return Time{days * kSecondsPerDay + civil.hour * 3600 + civil.minute * 60 + civil.second};
}

CivilTime ToCivil(Time time) noexcept {
  namespace chrono = std::chrono;
  // The calendar of <chrono> ends with the year 32767; dates beyond that are shown as its last.
  constexpr std::int64_t kLimit = std::int64_t{365} * 30'000;
  std::int64_t days = time.unix_seconds / kSecondsPerDay;
  std::int64_t seconds = time.unix_seconds % kSecondsPerDay;
  if (seconds < 0) {
    seconds += kSecondsPerDay;
    --days;
  }
  if (days > kLimit) days = kLimit;
  if (days < -kLimit) days = -kLimit;
  const chrono::year_month_day date{chrono::sys_days{chrono::days{static_cast<int>(days)}}};
  return CivilTime{.year = static_cast<int>(date.year()),
                   .month = static_cast<unsigned>(date.month()),
                   .day = static_cast<unsigned>(date.day()),
                   .hour = static_cast<unsigned>(seconds / 3600),
                   .minute = static_cast<unsigned>(seconds / 60 % 60),
                   .second = static_cast<unsigned>(seconds % 60)};
}

Result<Time> ParseTime(std::string_view text) {
  Reader reader(text);
  std::optional<CivilTime> civil = ReadDate(reader);
  if (!civil) return Invalid(text);
  std::int64_t offset = 0;
  if (!reader.at_end()) {
    // RFC 3339, 5.6: the separator is "T"; "applications ... may choose" a space.
    if (!reader.Skip("Tt ") || !ReadTimeOfDay(reader, *civil)) return Invalid(text);
    const auto seconds = ReadOffset(reader);
    if (!seconds || !reader.at_end()) return Invalid(text);
    offset = *seconds;
  }
  const Result<Time> time = FromCivil(*civil);
  if (!time) return Invalid(text);
  return Time{time->unix_seconds - offset};
}

std::string FormatDate(Time time) {
  const CivilTime civil = ToCivil(time);
  std::string text;
  AppendPadded(text, civil.year, 4);
  text += '-';
  AppendPadded(text, civil.month, 2);
  text += '-';
  AppendPadded(text, civil.day, 2);
  return text;
}

std::string FormatTime(Time time) {
  const CivilTime civil = ToCivil(time);
  std::string text = FormatDate(time);
  text += 'T';
  AppendPadded(text, civil.hour, 2);
  text += ':';
  AppendPadded(text, civil.minute, 2);
  text += ':';
  AppendPadded(text, civil.second, 2);
  text += 'Z';
  return text;
}

}  // namespace cotter
