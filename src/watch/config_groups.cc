// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <utility>

#include "base/idna.h"
#include "watch/config_reader.h"

namespace cotter::watch {
namespace {

using policy::TableReader;
using policy::Value;

// A line of a host list is a name and a port; 100,000 of them are less than this.
constexpr std::size_t kMaxHostList = std::size_t{16} << 20;

void AddHost(TableReader& table, std::string_view key, std::string_view text,
             std::uint16_t default_port, std::vector<net::Target>& into) {
  Result<net::Target> target = net::ParseTarget(text, default_port, &base::Idna());
  if (target) {
    into.push_back(*std::move(target));
  } else {
    table.Fail(Code::kPolicyInvalid, key, target.error().message);
  }
}

// ReadHostList reads a file of hosts: one a line, "#" begins a comment.
void ReadHostList(TableReader& table, ConfigReader& reader, const std::string& path,
                  std::uint16_t default_port, GroupConfig& group) {
  const Result<std::string> content = reader.read(reader.PathOf(path), kMaxHostList);
  if (!content) {
    return table.Fail(content.error().code, "hosts_file", content.error().message);
  }
  std::string_view rest = *content;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    line = line.substr(0, line.find('#'));
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
      line.remove_suffix(1);
    }
    if (line.empty()) continue;
    Result<net::Target> target = net::ParseTarget(line, default_port, &base::Idna());
    if (!target) {
      return table.Fail(Code::kPolicyInvalid, "hosts_file",
                        path + ", line " + std::to_string(number) + ": " + target.error().message);
    }
    if (group.hosts.size() >= kMaxTargets) {
      return table.Fail(Code::kPolicyInvalid, "hosts_file", "more hosts than the limit");
    }
    group.hosts.push_back(*std::move(target));
  }
}

void ReadHosts(TableReader& table, ConfigReader& reader, GroupConfig& group) {
  if (const auto name = table.String("starttls")) {
    if (const auto protocol = net::ParseStarttls(*name)) {
      group.starttls = *protocol;
    } else {
      table.Fail(Code::kPolicyInvalid, "starttls",
                 "expected smtp, imap, pop3, ftp, xmpp, postgres, mysql or ldap");
    }
  }
  const std::uint16_t port = net::DefaultPort(group.starttls);
  for (const std::string& text : table.Strings("hosts")) {
    AddHost(table, "hosts", text, port, group.hosts);
  }
  if (const auto path = table.String("hosts_file")) {
    ReadHostList(table, reader, *path, port, group);
  }
  for (const std::string& text : table.Strings("standby")) {
    AddHost(table, "standby", text, port, group.standby);
  }
  if (group.hosts.empty()) table.Fail(Code::kPolicyInvalid, "hosts", "expected hosts to watch");
  for (const std::string& text : table.Strings("addresses")) {
    if (net::Address::FromText(text, port)) {
      group.addresses.push_back(text);
    } else {
      table.Fail(Code::kPolicyInvalid, "addresses", "expected an IP address");
    }
  }
}

}  // namespace

void ReadGroup(Value value, ConfigReader& reader, WatchConfig& config) {
  TableReader table(value, "[[group]]", reader.log);
  GroupConfig group;
  group.name = ReadName(table, "name", "group " + std::to_string(config.groups.size() + 1));
  ReadHosts(table, reader, group);
  ReadSeconds(table, "interval", 1, group.interval);
  ReadNumber(table, "jitter", 0, 50, group.jitter_percent);
  group.region = ReadName(table, "region", "");
  group.vendor = ReadName(table, "vendor", "");
  group.owner = ReadName(table, "owner", "");
  if (table.Boolean("other_keys") == false) group.other_keys = false;
  for (const std::string& text : table.Strings("intermediates")) {
    const Result<Digest> pin = ParsePin(text);
    if (pin) {
      group.intermediates.push_back(*pin);
    } else {
      table.Fail(Code::kPolicyInvalid, "intermediates", pin.error().message);
    }
  }
  table.Finish();
  std::size_t targets = group.hosts.size();
  for (const GroupConfig& other : config.groups) {
    targets += other.hosts.size();
    if (other.name == group.name) {
      table.Fail(Code::kPolicyDuplicate, "name", "two groups are called " + group.name);
    }
  }
  if (targets > kMaxTargets || config.groups.size() >= kMaxGroups) {
    table.Fail(Code::kPolicyInvalid, "hosts", "more hosts than the limit");
  }
  config.groups.push_back(std::move(group));
}

}  // namespace cotter::watch
