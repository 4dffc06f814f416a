// SPDX-License-Identifier: Apache-2.0
#include "probe/small_http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace cotter::probe {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::string_view kHeadEnd = "\r\n\r\n";

bool IsDigit(char c) noexcept { return c >= '0' && c <= '9'; }

// Number reads exactly `text`, digits alone.
std::optional<unsigned> Number(std::string_view text) noexcept {
  unsigned value = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!digits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

char Lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view Trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<Time> ParseHttpDate(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view kForm = "ddd, 00 mmm 0000 00:00:00 GMT";
  const Error invalid{Code::kTimeInvalid, "not an HTTP date"};
  if (text.size() != kForm.size() || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) {
    return invalid;
  }
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  const auto day = Number(text.substr(5, 2));
  const auto year = Number(text.substr(12, 4));
  const auto hour = Number(text.substr(17, 2));
  const auto minute = Number(text.substr(20, 2));
  const auto second = Number(text.substr(23, 2));
  if (month == kMonths.end() || !day || !year || !hour || !minute || !second) return invalid;
  return FromCivil({.year = *year,
                    .month = static_cast<unsigned>(month - kMonths.begin()) + 1,
                    .day = *day,
                    .hour = *hour,
                    .minute = *minute,
                    .second = *second});
}

std::optional<int> ParseStatus(std::string_view text) {
  constexpr std::string_view kStart = "HTTP/1.";
  const auto status = text.size() >= 12 && text.starts_with(kStart) && text[8] == ' '
                          ? Number(text.substr(9, 3))
                          : std::nullopt;
  if (!status || *status < 100 || *status > 599) return std::nullopt;
  return static_cast<int>(*status);
}

void EachField(std::string_view text,
               const std::function<void(std::string_view name, std::string_view value)>& visit) {
  std::string_view head = text.substr(0, text.find(kHeadEnd));
  while (!head.empty()) {
    const std::size_t line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      visit(line.substr(0, colon), Trim(line.substr(colon + 1)));
    }
    head.remove_prefix(line_end == std::string_view::npos ? head.size() : line_end + 2);
  }
}

bool IsField(std::string_view name, std::string_view lower) noexcept {
  return std::equal(name.begin(), name.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return Lower(a) == b; });
}

Result<SmallAnswer> ParseSmallAnswer(std::string_view text) {
  const std::optional<int> status = ParseStatus(text);
  if (!status) return Error{Code::kNotTls, "the answer is no HTTP"};
  SmallAnswer answer;
  answer.status = *status;
  const std::size_t end = text.find(kHeadEnd);
  if (end != std::string_view::npos) answer.body = text.substr(end + kHeadEnd.size());
  EachField(text, [&answer](std::string_view name, std::string_view value) {
    if (IsField(name, "location")) {
      answer.location = value;
    } else if (IsField(name, "date")) {
      if (const Result<Time> date = ParseHttpDate(value)) answer.date = *date;
    }
  });
  return answer;
}

std::string TextOf(const SmallRequest& request) {
  return request.method + " " + request.path + " HTTP/1.0\r\nHost: " + request.host +
         "\r\nConnection: close\r\n\r\n";
}

Result<HttpUrl> ParseHttpUrl(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const Error invalid{Code::kHostInvalid, "not an http:// URL"};
  if (!text.starts_with(kScheme)) return invalid;
  text.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(text.find('/'), text.size());
  Result<net::Target> target = net::ParseTarget(text.substr(0, slash), kHttpPort);
  if (!target) return target.error();
  std::string path(text.substr(slash));
  if (path.empty()) path = "/";
  // Nothing that could end the request line, or begin another one (RFC 3986 allows none of it).
  const bool clean =
      std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 127; });
  if (!clean) return invalid;
  return HttpUrl{*std::move(target), std::move(path)};
}

}  // namespace cotter::probe
