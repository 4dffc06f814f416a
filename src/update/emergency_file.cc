// SPDX-License-Identifier: Apache-2.0
#include "update/emergency_file.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/idna.h"
#include "base/sha256.h"
#include "update/field_reader.h"
#include "update/json_value.h"

namespace cotter::update {
namespace {

// The layout that this reader knows.
constexpr std::int64_t kLayout = 1;

Error Invalid(std::string why) { return Error{Code::kEmergencyInvalid, std::move(why)}; }

// RefuseUnknown fails on a key of `object` that is not among `known`.
void RefuseUnknown(FieldReader& reader, const JsonObject* object,
                   std::initializer_list<std::string_view> known) {
  if (object == nullptr) return;
  for (const JsonMember& member : object->members()) {
    if (std::find(known.begin(), known.end(), member.key) == known.end()) {
      reader.Fail("unknown key \"" + member.key + "\"");
    }
  }
}

bool IsPlain(std::string_view text, std::size_t most) {
  const auto control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7F;
  };
  return !text.empty() && text.size() <= most && std::none_of(text.begin(), text.end(), control) &&
         text.find_first_not_of(' ') != std::string_view::npos;
}

bool IsId(std::string_view text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  return !text.empty() && text.size() <= kMaxStatementId &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

Time ReadTime(FieldReader& reader, const JsonObject* from, std::string_view key) {
  const std::string text = reader.Text(from, key);
  const Result<Time> time = ParseTime(text);
  if (!time || text.find('T') == std::string::npos) {
    reader.Fail("\"" + std::string(key) + "\" is not a date and time");
    return {};
  }
  return *time;
}

EmergencyKind ReadKind(FieldReader& reader, const JsonObject* from) {
  const std::string text = reader.Text(from, "kind");
  if (text == "suspend") return EmergencyKind::kSuspend;
  if (text == "revoke") return EmergencyKind::kRevoke;
  if (text != "add_pin") reader.Fail("unknown kind \"" + text + "\"");
  return EmergencyKind::kAddPin;
}

std::string_view NameOf(EmergencyKind kind) {
  switch (kind) {
    case EmergencyKind::kSuspend:
      return "suspend";
    case EmergencyKind::kRevoke:
      return "revoke";
    case EmergencyKind::kAddPin:
      return "add_pin";
  }
  return "";
}

Digest ReadKey(FieldReader& reader, const JsonObject* from) {
  const Result<Digest> digest = ParsePin(reader.Text(from, "pin"));
  if (digest) return *digest;
  reader.Fail("\"pin\": " + digest.error().message);
  return {};
}

PinPlace ReadPlace(FieldReader& reader, const JsonObject* from) {
  if (from == nullptr || from->Find("place") == nullptr) return PinPlace::kAny;
  const std::string text = reader.Text(from, "place");
  if (text == "leaf") return PinPlace::kLeaf;
  if (text == "ca") return PinPlace::kCa;
  if (text != "any") reader.Fail("\"place\" is none of any, leaf and ca");
  return PinPlace::kAny;
}

std::vector<RuleName> ReadRules(FieldReader& reader, const JsonObject* from) {
  std::vector<RuleName> rules;
  for (const JsonValue& value : *reader.Array(from, "rules")) {
    const JsonObject* object = reader.AsObject(value, "rules");
    RefuseUnknown(reader, object, {"pattern", "port"});
    Result<HostPattern> pattern = HostPattern::Parse(reader.Text(object, "pattern"), &base::Idna());
    if (!pattern) {
      reader.Fail("\"rules\": " + pattern.error().message);
      return rules;
    }
    RuleName name{.pattern = *std::move(pattern)};
    if (object != nullptr && object->Find("port") != nullptr) {
      const std::int64_t port = reader.Integer(object, "port", 1);
      if (port > 65535) reader.Fail("\"port\" is over 65535");
      name.port = static_cast<std::uint16_t>(port);
    }
    rules.push_back(std::move(name));
  }
  return rules;
}

SignedStatement ReadStatement(FieldReader& reader, const JsonValue& value) {
  SignedStatement statement;
  const JsonObject* object = reader.AsObject(value, "statements");
  statement.digest = base::Sha256(AsBytes(CanonicalJson(value)));
  statement.what.id = reader.Text(object, "id");
  statement.what.kind = ReadKind(reader, object);
  statement.begins = ReadTime(reader, object, "begins");
  statement.what.reason = reader.Text(object, "reason");
  statement.what.ticket = reader.Text(object, "ticket");
  switch (statement.what.kind) {
    case EmergencyKind::kRevoke:
      RefuseUnknown(reader, object, {"id", "kind", "begins", "reason", "ticket", "pin"});
      statement.what.pin.digest = ReadKey(reader, object);
      break;
    case EmergencyKind::kAddPin:
      RefuseUnknown(reader, object,
                    {"id", "kind", "begins", "ends", "reason", "ticket", "pin", "place", "rules"});
      statement.what.pin.digest = ReadKey(reader, object);
      statement.what.pin.place = ReadPlace(reader, object);
      statement.what.until = ReadTime(reader, object, "ends");
      statement.what.rules = ReadRules(reader, object);
      break;
    case EmergencyKind::kSuspend:
      RefuseUnknown(reader, object, {"id", "kind", "begins", "ends", "reason", "ticket", "rules"});
      statement.what.until = ReadTime(reader, object, "ends");
      statement.what.rules = ReadRules(reader, object);
      break;
  }
  return statement;
}

// IdOf is what a statement that cannot be read is called.
std::string IdOf(const JsonValue& value, std::size_t index) {
  const JsonValue* id = value.object() == nullptr ? nullptr : value.object()->Find("id");
  if (id != nullptr && id->text() != nullptr && IsId(*id->text())) return *id->text();
  return "statement " + std::to_string(index + 1);
}

void AddStatement(const JsonValue& value, std::size_t index, EmergencyFile& file) {
  FieldReader reader;
  SignedStatement statement = ReadStatement(reader, value);
  const std::string id = IdOf(value, index);
  Result<void> good = reader.failed() ? Result<void>(Invalid(id + ": " + reader.issue()))
                                      : CheckStatement(statement);
  const bool twice =
      std::any_of(file.statements.begin(), file.statements.end(),
                  [&](const SignedStatement& other) { return other.what.id == statement.what.id; });
  if (good && twice) good = Invalid(id + ": another statement has this id");
  if (!good) {
    file.refused.push_back({id, good.error()});
    return;
  }
  file.statements.push_back(std::move(statement));
}

bool CouldMatch(const Pin& pin, const Policy& policy, const Digest* also) {
  if (pin.use == PinUse::kRevoked || pin.kind != PinKind::kSpki) return false;
  if (also != nullptr && pin.digest == *also) return false;
  const auto& keys = policy.revoked;
  if (std::find(keys.begin(), keys.end(), pin.digest) != keys.end()) return false;
  return std::none_of(
      policy.emergency.begin(), policy.emergency.end(), [&](const EmergencyStatement& statement) {
        return statement.kind == EmergencyKind::kRevoke && statement.pin.digest == pin.digest;
      });
}

bool HasPin(const HostRule& rule, const Policy& policy, const Digest* also) {
  const auto at = [&](PinPlace place) {
    return std::any_of(rule.pins.begin(), rule.pins.end(), [&](const PolicyPin& entry) {
      return (entry.pin.place == place || entry.pin.place == PinPlace::kAny) &&
             CouldMatch(entry.pin, policy, also);
    });
  };
  const bool leaf = at(PinPlace::kLeaf);
  const bool ca = at(PinPlace::kCa);
  return rule.require == Require::kLeafAndCa ? leaf && ca : leaf || ca;
}

JsonValue WriteStatement(const SignedStatement& statement) {
  const EmergencyStatement& what = statement.what;
  JsonObject object{{"id", {what.id}},
                    {"kind", {std::string(NameOf(what.kind))}},
                    {"begins", {FormatTime(statement.begins)}},
                    {"reason", {what.reason}},
                    {"ticket", {what.ticket}}};
  if (what.kind != EmergencyKind::kSuspend) object.Set("pin", {FormatPin(what.pin.digest)});
  if (what.kind == EmergencyKind::kAddPin && what.pin.place != PinPlace::kAny) {
    object.Set("place", {std::string(what.pin.place == PinPlace::kLeaf ? "leaf" : "ca")});
  }
  if (what.kind == EmergencyKind::kRevoke) return {std::move(object)};
  object.Set("ends", {FormatTime(*what.until)});
  JsonArray rules;
  for (const RuleName& name : what.rules) {
    JsonObject rule{{"pattern", {name.pattern.ToString()}}};
    if (name.port) rule.Set("port", {std::int64_t{*name.port}});
    rules.push_back({std::move(rule)});
  }
  object.Set("rules", {std::move(rules)});
  return {std::move(object)};
}

}  // namespace

std::int64_t LongestOf(EmergencyKind kind) noexcept {
  return kind == EmergencyKind::kAddPin ? kMaxAddedPin : kMaxSuspension;
}

Result<void> CheckStatement(const SignedStatement& statement) {
  const EmergencyStatement& what = statement.what;
  const auto refuse = [&](const std::string& why) { return Invalid(what.id + ": " + why); };
  if (!IsId(what.id)) {
    return Invalid("expected an id of letters, digits, \"-\", \"_\" and \".\"");
  }
  if (!IsPlain(what.reason, kMaxEmergencyText)) return refuse("expected a reason, in one line");
  if (!IsPlain(what.ticket, kMaxEmergencyText)) return refuse("expected a ticket, in one line");
  if (what.kind == EmergencyKind::kRevoke) return Ok();
  if (what.rules.empty() || what.rules.size() > kMaxEmergencyRules) {
    return refuse("expected 1 to " + std::to_string(kMaxEmergencyRules) + " rules, found " +
                  std::to_string(what.rules.size()));
  }
  if (*what.until <= statement.begins) return refuse("it ends before it begins");
  const std::int64_t longest = LongestOf(what.kind);
  if (what.until->unix_seconds - statement.begins.unix_seconds > longest) {
    return refuse("expected an end at most " + std::to_string(longest / 3600) +
                  " hours after the beginning");
  }
  return Ok();
}

Result<EmergencyFile> ReadEmergencyFile(std::string_view text) {
  if (text.size() > kMaxEmergencyFile) {
    return Invalid("expected at most " + std::to_string(kMaxEmergencyFile) + " bytes");
  }
  const Result<JsonValue> parsed = ParseJson(text);
  if (!parsed) return Invalid(parsed.error().message);
  FieldReader reader;
  EmergencyFile file;
  const JsonObject* object = reader.AsObject(*parsed, "the file");
  if (reader.Integer(object, "emergency", 1) != kLayout) reader.Fail("a layout of another version");
  file.environment = reader.Text(object, "environment");
  file.version = reader.Integer(object, "version", 1);
  const JsonArray& statements = *reader.Array(object, "statements");
  RefuseUnknown(reader, object, {"emergency", "environment", "version", "statements"});
  if (statements.size() > kMaxEmergencyStatements) reader.Fail("too many statements");
  if (reader.failed()) return Invalid(reader.issue());
  for (std::size_t i = 0; i < statements.size(); ++i) AddStatement(statements[i], i, file);
  return file;
}

std::string WriteEmergencyFile(const EmergencyFile& file) {
  JsonArray statements;
  for (const SignedStatement& statement : file.statements) {
    statements.push_back(WriteStatement(statement));
  }
  return WriteJson({JsonObject{{"emergency", {kLayout}},
                               {"environment", {file.environment}},
                               {"version", {file.version}},
                               {"statements", {std::move(statements)}}}});
}

bool NeedsWide(const Policy& policy, const Digest& key) {
  return std::any_of(policy.hosts.begin(), policy.hosts.end(), [&](const HostRule& rule) {
    return rule.mode != Mode::kOff && HasPin(rule, policy, nullptr) && !HasPin(rule, policy, &key);
  });
}

}  // namespace cotter::update
