// SPDX-License-Identifier: Apache-2.0
#include "client/hsts.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace cotter::client {
namespace {

constexpr std::string_view kFirstLine =
    "# cotter HSTS 1: HOST UNTIL, with a dot before HOST for its subdomains too";

}  // namespace

void HstsStore::Note(const HostName& host, const HstsDirective& directive, Time now) {
  if (host.is_ip()) return;
  if (directive.max_age <= 0) {
    hosts_.erase(std::string(host.text()));
    return;
  }
  const Time expires{now.unix_seconds + std::min(directive.max_age, base::kLongestHstsAge)};
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
