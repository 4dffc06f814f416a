// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_reader.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/idna.h"
#include "policy/change_window.h"
#include "policy/words.h"

namespace cotter::policy {
namespace {

// Assign overwrites a default only where the file says something.
template <typename T>
void Assign(T& target, std::optional<T> value) {
  if (value) target = *std::move(value);
}

std::optional<Digest> ReadDigest(TableReader& table, std::string_view key, std::string_view text) {
  const Result<Digest> digest = ParsePin(text);
  if (digest) return *digest;
  table.Fail(digest.error().code, key, digest.error().message);
  return std::nullopt;
}

// ReadRequiredDigest reads the key `pin`, which must be there.
std::optional<Digest> ReadRequiredDigest(TableReader& table) {
  const std::optional<std::string> text = table.String("pin");
  if (text) return ReadDigest(table, "pin", *text);
  table.Fail(Code::kPolicyInvalid, "pin", "expected \"sha256/...\"");
  return std::nullopt;
}

std::string ReadName(TableReader& table) {
  std::optional<std::string> name = table.String("name");
  if (name && !name->empty()) return *std::move(name);
  table.Fail(Code::kPolicyInvalid, "name", "expected a name");
  return {};
}

std::optional<HostPattern> ReadPattern(TableReader& table, std::string_view key) {
  const std::optional<std::string> text = table.String(key);
  if (!text) {
    table.Fail(Code::kPolicyInvalid, key, "expected a host such as \"api.example.com\"");
    return std::nullopt;
  }
  Result<HostPattern> pattern = HostPattern::Parse(*text, &base::Idna());
  if (pattern) return *std::move(pattern);
  table.Fail(pattern.error().code, key, pattern.error().message);
  return std::nullopt;
}

std::vector<std::string> ReadExtends(TableReader& table) {
  std::vector<std::string> names = table.Strings("extends");
  if (names.size() > kMaxExtends) {
    table.Fail(Code::kPolicyTooLarge, "extends",
               "expected at most " + std::to_string(kMaxExtends) + " names");
    names.clear();
  }
  return names;
}

std::vector<ChangeWindow> ReadChangeWindows(TableReader& table) {
  std::vector<ChangeWindow> windows;
  for (const std::string& text : table.Strings("change_windows")) {
    if (const Result<ChangeWindow> window = ParseChangeWindow(text)) {
      windows.push_back(*window);
    } else {
      table.Fail(window.error().code, "change_windows", window.error().message);
    }
  }
  return windows;
}

std::vector<PolicyPin> ReadPins(TableReader& owner, ReadLog& log) {
  std::vector<PolicyPin> pins;
  const auto read = [&](Value value) {
    TableReader table(value, "pins", log);
    const std::optional<Digest> digest = ReadRequiredDigest(table);
    PolicyPin entry;
    Assign(entry.pin.kind, table.Choice("kind", kKindWords));
    Assign(entry.pin.place, table.Choice("place", kPlaceWords));
    Assign(entry.pin.use, table.Choice("use", kUseWords));
    Assign(entry.label, table.String("label"));
    table.Finish();
    if (!digest) return;
    entry.pin.digest = *digest;
    pins.push_back(std::move(entry));
  };
  owner.Tables("pins", read, "a table as { pin = \"sha256/...\" }");
  return pins;
}

std::vector<Change> ReadHistory(TableReader& owner, ReadLog& log) {
  std::vector<Change> history;
  owner.Tables("history", [&](Value value) {
    TableReader table(value, "history", log);
    Change change{};
    const std::optional<Time> date = table.Date("date");
    if (!date) table.Fail(Code::kPolicyInvalid, "date", "expected a date such as 2027-06-01");
    Assign(change.date, date);
    Assign(change.reason, table.String("reason"));
    Assign(change.by, table.String("by"));
    table.Finish();
    history.push_back(std::move(change));
  });
  return history;
}

void ReadHeader(Value value, Policy& policy, ReadLog& log) {
  TableReader table(value, "[policy]", log);
  Assign(policy.name, table.String("name"));
  if (const auto environment = table.Choice("environment", kEnvironmentWords)) {
    policy.environment = *environment;
  }
  if (const auto version = table.Integer("version", 0, std::numeric_limits<std::int64_t>::max())) {
    policy.version = static_cast<std::uint64_t>(*version);
  }
  policy.expires = table.Date("expires");
  Assign(policy.unlisted, table.Choice("unlisted", kUnlistedWords));
  Assign(policy.partial_chain, table.Boolean("partial_chain"));
  for (const std::string& text : table.Strings("revoked")) {
    if (const auto digest = ReadDigest(table, "revoked", text)) policy.revoked.push_back(*digest);
  }
  policy.change_windows = ReadChangeWindows(table);
  if (const auto revision =
          table.Integer("revision", 0, std::numeric_limits<std::int64_t>::max())) {
    policy.revision = static_cast<std::uint64_t>(*revision);
  }
  table.Finish();
}

// ReadDecision reads the keys of a rule that bear on a verdict.
void ReadDecision(TableReader& table, HostRule& rule, ReadLog& log) {
  const bool has_ports = table.Array("ports", "integers", [&](Value value) {
    const std::int64_t number = value.kind() == ValueKind::kInteger ? value.AsInteger() : 0;
    if (number < 1 || number > 65535) {
      table.Fail(Code::kPortInvalid, "ports", "expected numbers from 1 to 65535");
      return;
    }
    rule.ports.push_back(static_cast<std::uint16_t>(number));
  });
  // No port at all could be meant as well as every port.
  if (has_ports && rule.ports.empty()) {
    table.Fail(Code::kPortInvalid, "ports",
               "expected a port; a rule for every port has no ports key");
  }
  Assign(rule.mode, table.Choice("mode", kModeWords));
  Assign(rule.require, table.Choice("require", kRequireWords));
  Assign(rule.local_anchors, table.Choice("local_anchors", kLocalAnchorsWords));
  rule.expires = table.Date("expires");
  Assign(rule.on_expiry, table.Choice("on_expiry", kOnExpiryWords));
  rule.extends = ReadExtends(table);
  rule.pins = ReadPins(table, log);
}

// ReadFacts reads what people keep beside a rule.
void ReadFacts(TableReader& table, HostRule& rule, ReadLog& log) {
  Assign(rule.owner, table.String("owner"));
  rule.tags = table.Strings("tags");
  rule.updated = table.Date("updated");
  Assign(rule.reason, table.String("reason"));
  rule.review = table.Date("review");
  rule.history = ReadHistory(table, log);
  rule.change_windows = ReadChangeWindows(table);
}

void ReadHost(Value value, Policy& policy, ReadLog& log) {
  if (policy.hosts.size() == kMaxPolicyRules) {
    log.Add(Code::kPolicyTooLarge, value.position(),
            "expected at most " + std::to_string(kMaxPolicyRules) + " [[host]] tables");
    return;
  }
  TableReader table(value, "[[host]]", log);
  std::optional<HostPattern> pattern = ReadPattern(table, "pattern");
  if (!pattern) return;
  HostRule rule{.pattern = *std::move(pattern)};
  rule.line = table.line();
  ReadDecision(table, rule, log);
  ReadFacts(table, rule, log);
  table.Finish();
  policy.hosts.push_back(std::move(rule));
}

void ReadPinSet(Value value, Policy& policy, ReadLog& log) {
  TableReader table(value, "[[pin_set]]", log);
  PinSet set{.name = ReadName(table)};
  set.extends = ReadExtends(table);
  set.pins = ReadPins(table, log);
  set.line = table.line();
  table.Finish();
  policy.pin_sets.push_back(std::move(set));
}

void ReadInspectionCa(Value value, Policy& policy, ReadLog& log) {
  TableReader table(value, "[[inspection_ca]]", log);
  std::string name = ReadName(table);
  const std::optional<Digest> digest = ReadRequiredDigest(table);
  table.Finish();
  if (digest) policy.inspection_cas.push_back({std::move(name), *digest, table.line()});
}

void ReadInventory(Value value, Policy& policy, ReadLog& log) {
  TableReader table(value, "[[inventory]]", log);
  std::optional<HostPattern> host = ReadPattern(table, "host");
  if (!host) return;
  InventoryEntry entry{.host = *std::move(host)};
  Assign(entry.owner, table.String("owner"));
  entry.data_class = table.Choice("data_class", kDataClassWords);
  entry.tags = table.Strings("tags");
  Assign(entry.partner, table.String("partner"));
  entry.exposure = table.Choice("exposure", kExposureWords);
  entry.review = table.Date("review");
  entry.line = table.line();
  table.Finish();
  policy.inventory.push_back(std::move(entry));
}

void ReadDelegate(Value value, Policy& policy, ReadLog& log) {
  TableReader table(value, "[[delegate]]", log);
  Delegate delegate{.name = ReadName(table), .target = {}};
  Assign(delegate.target, table.String("target"));
  if (delegate.target.empty()) {
    table.Fail(Code::kPolicyInvalid, "target", "expected a path such as \"production/team.json\"");
  }
  for (const std::string& text : table.Strings("hosts")) {
    Result<HostPattern> pattern = HostPattern::Parse(text, &base::Idna());
    if (pattern) {
      delegate.hosts.push_back(*std::move(pattern));
    } else {
      table.Fail(pattern.error().code, "hosts", pattern.error().message);
    }
  }
  if (delegate.hosts.empty()) {
    table.Fail(Code::kPolicyInvalid, "hosts", "expected patterns such as \"**.example.com\"");
  }
  delegate.line = table.line();
  table.Finish();
  policy.delegates.push_back(std::move(delegate));
}

std::vector<RuleName> ReadRuleNames(TableReader& owner, ReadLog& log) {
  std::vector<RuleName> names;
  owner.Tables("rules", [&](Value value) {
    TableReader table(value, "rules", log);
    std::optional<HostPattern> pattern = ReadPattern(table, "pattern");
    const std::optional<std::int64_t> port = table.Integer("port", 1, 65535);
    table.Finish();
    if (!pattern) return;
    RuleName name{.pattern = *std::move(pattern)};
    if (port) name.port = static_cast<std::uint16_t>(*port);
    names.push_back(std::move(name));
  });
  return names;
}

void ReadEmergency(Value value, Policy& policy, ReadLog& log) {
  TableReader table(value, "[[emergency]]", log);
  EmergencyStatement statement;
  Assign(statement.id, table.String("id"));
  if (statement.id.empty()) table.Fail(Code::kPolicyInvalid, "id", "expected a text");
  const std::optional<EmergencyKind> kind = table.Choice("kind", kEmergencyWords);
  if (!kind) {
    table.Fail(Code::kPolicyInvalid, "kind", "expected \"suspend\", \"revoke\" or \"add_pin\"");
  }
  Assign(statement.kind, kind);
  statement.rules = ReadRuleNames(table, log);
  if (const std::optional<std::string> pin = table.String("pin")) {
    Assign(statement.pin.digest, ReadDigest(table, "pin", *pin));
  } else if (kind && *kind != EmergencyKind::kSuspend) {
    table.Fail(Code::kPolicyInvalid, "pin", "expected \"sha256/...\"");
  }
  Assign(statement.pin.place, table.Choice("place", kPlaceWords));
  statement.until = table.Date("until");
  Assign(statement.reason, table.String("reason"));
  Assign(statement.ticket, table.String("ticket"));
  statement.line = table.line();
  table.Finish();
  policy.emergency.push_back(std::move(statement));
}

}  // namespace

void ReadTables(Value root, Header header, Policy& policy, ReadLog& log) {
  TableReader top(root, "the policy", log);
  const std::optional<Value> found = top.Table("policy");
  if (!found && header == Header::kRequired && !log.stopped()) {
    log.Add(Code::kPolicyInvalid, root.position(), "expected a [policy] table, and found none");
  }
  if (found) ReadHeader(*found, policy, log);
  top.Tables("pin_set", [&](Value value) { ReadPinSet(value, policy, log); });
  top.Tables("inspection_ca", [&](Value value) { ReadInspectionCa(value, policy, log); });
  top.Tables("inventory", [&](Value value) { ReadInventory(value, policy, log); });
  top.Tables("delegate", [&](Value value) { ReadDelegate(value, policy, log); });
  top.Tables("emergency", [&](Value value) { ReadEmergency(value, policy, log); });
  top.Tables("host", [&](Value value) { ReadHost(value, policy, log); });
  top.Finish();
}

}  // namespace cotter::policy
