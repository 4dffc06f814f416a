// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate_time.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace cotter::tls {
namespace {

constexpr std::size_t kUtcTimeSize = std::string_view("YYMMDDHHMMSSZ").size();
constexpr std::size_t kGeneralizedTimeSize = std::string_view("YYYYMMDDHHMMSSZ").size();

bool IsDigit(unsigned char byte) noexcept { return byte >= '0' && byte <= '9'; }

// Pair is the number that the two digits at `at` write.
int Pair(const unsigned char* at) noexcept { return (at[0] - '0') * 10 + (at[1] - '0'); }

}  // namespace

std::optional<Time> TimeOf(const ASN1_TIME& date) noexcept {
  const bool is_utc = date.type == V_ASN1_UTCTIME;
  if (!is_utc && date.type != V_ASN1_GENERALIZEDTIME) return std::nullopt;
  const std::size_t size = is_utc ? kUtcTimeSize : kGeneralizedTimeSize;
  if (date.length != static_cast<int>(size)) return std::nullopt;
  const unsigned char* at = date.data;
  const bool sound = std::all_of(at, at + size - 1, IsDigit) && at[size - 1] == 'Z';
  if (!sound) return std::nullopt;

  int year = Pair(at);
  if (is_utc) {
    year += year < 50 ? 2000 : 1900;
  } else {
    at += 2;
    year = year * 100 + Pair(at);
  }
  const std::chrono::year_month_day day(std::chrono::year(year),
                                        std::chrono::month(static_cast<unsigned>(Pair(at + 2))),
                                        std::chrono::day(static_cast<unsigned>(Pair(at + 4))));
  const int hour = Pair(at + 6);
  const int minute = Pair(at + 8);
  const int second = Pair(at + 10);
  if (!day.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const std::chrono::sys_seconds time = std::chrono::sys_days(day) + std::chrono::hours(hour) +
                                        std::chrono::minutes(minute) + std::chrono::seconds(second);
  return Time{time.time_since_epoch().count()};
}

}  // namespace cotter::tls
