// SPDX-License-Identifier: Apache-2.0
#include "client/hsts.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace cotter::client {
namespace {

constexpr std::string_view kFirstLine =
    "# cotter HSTS 1: HOST UNTIL, with a dot before HOST for its subdomains too";

// RFC 6797 sets no bound. Ten years are longer than any certificate, and keep sums far from the end
// of the calendar.
constexpr std::int64_t kLongestAge = std::int64_t{10} * 366 * 86'400;

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
  return error == std::errc{} ? std::min(seconds, kLongestAge) : kLongestAge;
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
    } else if (SameWord(name, "includesubdomains")) {
      if (directive.subdomains || equals != next->size()) return std::nullopt;
      directive.subdomains = true;
    }
  }
  if (!age) return std::nullopt;
  directive.max_age = *age;
  return directive;
}

void HstsStore::Note(const HostName& host, const HstsDirective& directive, Time now) {
  if (host.is_ip()) return;
  if (directive.max_age <= 0) {
    hosts_.erase(std::string(host.text()));
    return;
  }
  const Time expires{now.unix_seconds + std::min(directive.max_age, kLongestAge)};
  hosts_.insert_or_assign(std::string(host.text()), Entry{expires, directive.subdomains});
  if (hosts_.size() <= kMaxHstsHosts) return;
  hosts_.erase(
      std::ranges::min_element(hosts_, {}, [](const auto& entry) { return entry.second.expires; }));
}

bool HstsStore::Knows(const HostName& host, Time now) const {
  if (hosts_.empty() || host.is_ip()) return false;
  std::string_view name = host.text();
  for (bool own = true; !name.empty(); own = false) {
    const auto found = hosts_.find(name);
    if (found != hosts_.end() && now < found->second.expires && (own || found->second.subdomains)) {
      return true;
    }
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  return false;
}

std::string HstsStore::Write(Time now) const {
  std::string text(kFirstLine);
  text += '\n';
  for (const auto& [host, entry] : hosts_) {
    if (entry.expires <= now) continue;
    text.append(entry.subdomains ? "." : "").append(host).append(" ");
    text.append(FormatTime(entry.expires)).append("\n");
  }
  return text;
}

Result<void> HstsStore::Read(std::string_view text) {
  std::map<std::string, Entry, std::less<>> read;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    ++number;
    const auto broken = [&](std::string_view what) {
      return Error{Code::kFormatMalformed,
                   "line " + std::to_string(number) + ": " + std::string(what)};
    };
    if (end == std::string_view::npos) return broken("it is cut off");
    text.remove_prefix(end + 1);
    if (number == 1) {
      if (line != kFirstLine) return broken("expected the first line of an HSTS file");
      continue;
    }
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return broken("expected HOST UNTIL");
    const bool subdomains = line.starts_with('.');
    const std::string_view name = line.substr(subdomains ? 1 : 0, space - (subdomains ? 1 : 0));
    const Result<HostName> host = HostName::Parse(name);
    if (!host || host->is_ip() || host->text() != name) return broken("expected a host name");
    const Result<Time> expires = ParseTime(line.substr(space + 1));
    if (!expires || FormatTime(*expires) != line.substr(space + 1))
      return broken("expected a time");
    if (read.size() == kMaxHstsHosts) return broken("there are more hosts than a store keeps");
    if (!read.emplace(name, Entry{*expires, subdomains}).second)
      return broken("the host stands twice");
  }
  if (number == 0) return Error{Code::kFormatMalformed, "line 1: it is cut off"};
  hosts_.merge(read);
  return Ok();
}

}  // namespace cotter::client
