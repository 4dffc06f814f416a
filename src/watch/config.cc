// SPDX-License-Identifier: Apache-2.0
#include "watch/config.h"

#include <set>
#include <utility>

#include "base/file.h"
#include "policy/document.h"
#include "watch/config_reader.h"
#include "watch/rule_table.h"

namespace cotter::watch {

using policy::ReadIssue;
using policy::TableReader;
using policy::Value;

std::string_view NameOf(Severity severity) noexcept {
  return severity == Severity::kCritical ? "critical" : "warning";
}

std::string ConfigReader::PathOf(const std::string& path) const {
  return policy::PathBeside(file, path);
}

void ReadSeconds(TableReader& table, std::string_view key, std::int64_t least,
                 std::chrono::seconds& into) {
  if (const auto seconds = table.Integer(key, least, kLongestSeconds)) {
    into = std::chrono::seconds(*seconds);
  }
}

std::string ReadName(TableReader& table, std::string_view key, std::string fallback) {
  constexpr std::size_t kLongest = 64;
  const auto text = table.String(key);
  if (!text) return fallback;
  const bool printable =
      std::all_of(text->begin(), text->end(), [](char c) { return c >= 0x20 && c < 0x7F; });
  if (text->empty() || text->size() > kLongest || !printable) {
    table.Fail(Code::kPolicyInvalid, key, "expected a name of 1 to 64 printable characters");
  }
  return *text;
}

void ReadTrust(TableReader& table, const ConfigReader& reader, tls::TrustOptions& trust) {
  if (table.Boolean("system_roots") == false) trust.system_roots = tls::SystemRoots::kNone;
  for (const std::string& path : table.Strings("files")) {
    trust.files.push_back(reader.PathOf(path));
  }
}

namespace {

std::optional<net::ListenAddress> ReadListen(TableReader& table) {
  return policy::ReadRequired(table, "listen", "expected where to listen", net::ParseListenAddress);
}

void ReadWatch(Value value, ConfigReader& reader, WatchConfig& config) {
  TableReader table(value, "[watch]", reader.log);
  if (const auto path = table.String("policy")) {
    config.policy = reader.PathOf(*path);
  } else {
    table.Fail(Code::kPolicyInvalid, "policy", "expected the path of a policy");
  }
  if (const auto name = table.String("environment")) config.environment = *name;
  if (const auto path = table.String("state")) {
    config.state = reader.PathOf(*path);
  } else {
    table.Fail(Code::kPolicyInvalid, "state", "expected a folder for what is known of the servers");
  }
  config.vantage = ReadName(table, "vantage", config.vantage);
  ReadNumber(table, "backup_proof_days", 1, 3650, config.backup_proof_days);
  table.Finish();
}

void ReadProbe(Value value, ConfigReader& reader, ProbeConfig& probe) {
  TableReader table(value, "[probe]", reader.log);
  ReadSeconds(table, "timeout", 1, probe.timeout);
  ReadNumber(table, "connections", 1, 100'000, probe.connections);
  ReadNumber(table, "per_address_per_second", 1, 100'000, probe.per_address_per_second);
  ReadNumber(table, "per_network_per_second", 1, 100'000, probe.per_network_per_second);
  if (const auto servers = table.String("name_servers")) probe.name_servers = *servers;
  table.Finish();
}

void ReadAdmin(Value value, ConfigReader& reader, WatchConfig& config) {
  TableReader table(value, "[admin]", reader.log);
  config.admin = ReadListen(table);
  if (table.Boolean("insecure_probe_any") == true) config.insecure_probe_any = true;
  table.Finish();
}

void ReadAgent(Value value, ConfigReader& reader, WatchConfig& config) {
  TableReader table(value, "[agent]", reader.log);
  AgentConfig agent;
  agent.insecure_cleartext = table.Boolean("insecure_cleartext") == true;
  agent.collector =
      ReadUrl(table, {"collector", "collector_file"}, reader, agent.insecure_cleartext);
  if (const auto path = table.String("key")) {
    agent.key_file = reader.PathOf(*path);
  } else {
    table.Fail(Code::kPolicyInvalid, "key", "expected the file of a private key");
  }
  table.Finish();
  config.agent = std::move(agent);
}

void ReadDelivery(Value value, ConfigReader& reader, DeliveryConfig& delivery) {
  TableReader table(value, "[delivery]", reader.log);
  if (const auto path = table.String("policy")) delivery.policy = reader.PathOf(*path);
  ReadTrust(table, reader, delivery.trust);
  table.Finish();
}

void ReadRotation(Value value, ConfigReader& reader, WatchConfig& config) {
  TableReader table(value, "[[rotation]]", reader.log);
  RotationConfig rotation;
  rotation.name = ReadName(table, "name", "rotation");
  for (const std::string& text : table.Strings("hosts")) {
    Result<HostPattern> pattern = HostPattern::Parse(text, nullptr);
    if (pattern) {
      rotation.hosts.push_back(*std::move(pattern));
    } else {
      table.Fail(Code::kPolicyInvalid, "hosts", pattern.error().message);
    }
  }
  rotation.groups = table.Strings("groups");
  rotation.regions = table.Strings("regions");
  rotation.vendors = table.Strings("vendors");
  if (rotation.hosts.empty() && rotation.groups.empty() && rotation.regions.empty() &&
      rotation.vendors.empty()) {
    table.Fail(Code::kPolicyInvalid, "hosts", "expected hosts, groups, regions or vendors");
  }
  const auto from = table.Date("from");
  const auto until = table.Date("until");
  if (!from) table.Fail(Code::kPolicyInvalid, "from", "expected when the rotation begins");
  if (!until) table.Fail(Code::kPolicyInvalid, "until", "expected when the rotation ends");
  if (from && until) {
    rotation.from = *from;
    rotation.until = *until;
    if (*until <= *from) table.Fail(Code::kPolicyInvalid, "until", "it ends before it begins");
  }
  table.Finish();
  config.rotations.push_back(std::move(rotation));
}

void ReadRule(Value value, ConfigReader& reader, WatchConfig& config) {
  TableReader table(value, "[[rule]]", reader.log);
  RuleConfig rule;
  std::optional<Code> code;
  if (const auto name = table.String("alert")) {
    code = FindCode(*name);
    if (!code || FindRule(*code) == nullptr) {
      table.Fail(Code::kPolicyInvalid, "alert", "expected one of " + RuleNames());
    }
  } else {
    table.Fail(Code::kPolicyInvalid, "alert", "expected the name of an alert");
  }
  if (table.Boolean("enabled") == false) rule.enabled = false;
  if (const auto seconds = table.Integer("for", 0, kLongestSeconds)) {
    rule.hold = std::chrono::seconds(*seconds);
  }
  rule.severity = table.Choice("severity", kSeverityWords);
  if (code && !config.rules.emplace(*code, rule).second) {
    table.Fail(Code::kPolicyDuplicate, "alert", "the alert has two rules");
  }
  table.Finish();
}

void ReadVantage(Value value, ConfigReader& reader, WatchConfig& config) {
  TableReader table(value, "[[vantage]]", reader.log);
  VantageConfig vantage;
  vantage.name = ReadName(table, "name", "");
  // It is a word in the first line of a report.
  if (vantage.name.empty() || vantage.name.find(' ') != std::string::npos) {
    table.Fail(Code::kPolicyInvalid, "name", "expected the agent's name, without spaces");
  }
  if (const auto path = table.String("key")) {
    vantage.key_file = reader.PathOf(*path);
  } else {
    table.Fail(Code::kPolicyInvalid, "key", "expected the file of the agent's public key");
  }
  ReadSeconds(table, "interval", 1, vantage.interval);
  table.Finish();
  bool taken = vantage.name == config.vantage;
  for (const VantageConfig& other : config.vantages) taken = taken || other.name == vantage.name;
  if (taken) {
    table.Fail(Code::kPolicyDuplicate, "name", "two vantage points are called " + vantage.name);
  }
  if (config.vantages.size() >= kMaxVantages) {
    table.Fail(Code::kPolicyInvalid, "name", "more vantage points than the limit");
  }
  config.vantages.push_back(std::move(vantage));
}

// CheckNames holds the parts of the file against one another.
void CheckNames(TableReader& table, const WatchConfig& config) {
  std::set<std::string, std::less<>> groups;
  for (const GroupConfig& group : config.groups) groups.insert(group.name);
  const auto check = [&](std::string_view key, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (!groups.contains(name)) {
        table.Fail(Code::kPolicyInvalid, key, "there is no group called " + name);
      }
    }
  };
  for (const RotationConfig& rotation : config.rotations) check("rotation", rotation.groups);
  for (const SinkConfig& sink : config.sinks) check("sink", sink.groups);
  // What watch says of itself is told under these names; of two that are one, the second would end
  // the alerts of the first.
  std::set<std::string, std::less<>> own{std::string(kOwnSubject)};
  const auto take = [&](std::string_view key, const std::string& name) {
    if (own.insert(name).second) return;
    table.Fail(Code::kPolicyDuplicate, key,
               "\"" + name + "\" is the name of something else that alerts are about");
  };
  for (const VantageConfig& vantage : config.vantages) take("vantage", vantage.name);
  for (const SinkConfig& sink : config.sinks) take("sink", sink.name);
  if (config.collector && config.vantages.empty()) {
    table.Fail(Code::kPolicyInvalid, "collector", "a collector needs a [[vantage]]");
  }
}

void ReadRoot(Value root, ConfigReader& reader, WatchConfig& config) {
  TableReader table(root, "the file", reader.log);
  if (const auto found = table.Table("watch")) {
    ReadWatch(*found, reader, config);
  } else {
    table.Fail(Code::kPolicyInvalid, "watch", "expected a table [watch] with policy and state");
  }
  if (const auto found = table.Table("trust")) {
    TableReader trust(*found, "[trust]", reader.log);
    ReadTrust(trust, reader, config.trust);
    trust.Finish();
  }
  if (const auto found = table.Table("probe")) ReadProbe(*found, reader, config.probe);
  if (const auto found = table.Table("admin")) ReadAdmin(*found, reader, config);
  if (const auto found = table.Table("collector")) {
    TableReader collector(*found, "[collector]", reader.log);
    config.collector = ReadListen(collector);
    collector.Finish();
  }
  if (const auto found = table.Table("agent")) ReadAgent(*found, reader, config);
  if (const auto found = table.Table("delivery")) ReadDelivery(*found, reader, config.delivery);
  table.Tables("group", [&](Value value) { ReadGroup(value, reader, config); });
  table.Tables("rotation", [&](Value value) { ReadRotation(value, reader, config); });
  table.Tables("rule", [&](Value value) { ReadRule(value, reader, config); });
  table.Tables("sink", [&](Value value) { ReadSink(value, reader, config); });
  table.Tables("vantage", [&](Value value) { ReadVantage(value, reader, config); });
  if (config.groups.empty()) {
    table.Fail(Code::kPolicyInvalid, "group", "expected at least one [[group]] with hosts");
  }
  CheckNames(table, config);
  table.Finish();
}

Error ToError(const ReadIssue& issue, const std::string& file) {
  std::string where = file;
  if (issue.at.line != 0) {
    where += ":" + std::to_string(issue.at.line) + ":" + std::to_string(issue.at.column);
  }
  return Error{issue.code, where + ": " + issue.message};
}

Result<std::string> ReadFromDisk(const std::string& path, std::size_t limit) {
  const Result<base::FileImage> image = base::ReadFile(path, limit);
  if (!image) return image.error();
  return std::string(AsText(image->bytes()));
}

}  // namespace

Result<WatchConfig> ReadConfig(std::string_view text, const std::string& file, FileReader read) {
  const policy::ParsedDocument parsed = policy::ParseTomlDocument(text);
  if (parsed.issue) return ToError(*parsed.issue, file);
  ConfigReader reader{.file = file, .read = read};
  WatchConfig config;
  ReadRoot(parsed.document->root(), reader, config);
  if (!reader.log.issues().empty()) return ToError(reader.log.issues().front(), file);
  return config;
}

Result<WatchConfig> LoadConfig(const std::string& file) {
  const Result<base::FileImage> image = base::ReadFile(file, kMaxConfigSize);
  if (!image) return image.error();
  return ReadConfig(AsText(image->bytes()), file, ReadFromDisk);
}

}  // namespace cotter::watch
