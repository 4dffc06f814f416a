// SPDX-License-Identifier: Apache-2.0
#include "update/metadata.h"

#include <set>
#include <utility>

#include "update/field_reader.h"

namespace cotter::update {
namespace {

constexpr std::string_view kTopLevelRoles[] = {"root", "timestamp", "snapshot", "targets"};

// SHA-512 in hexadecimal, the longest hash that is known.
constexpr std::size_t kMaxHashText = 128;

// Quoted, a name is part of a file's name, which has 255 bytes at most with version and ending.
constexpr std::size_t kMaxRoleName = 200;

bool IsSupportedSpecification(std::string_view version) {
  const bool major = version.substr(0, 2) == "1.";
  return major && version.size() <= 32 && version.size() > 2 &&
         version.find_first_not_of("0123456789.") == std::string_view::npos;
}

// TUF 4.2: "YYYY-MM-DDTHH:MM:SSZ". Other forms of RFC 3339 are read too: old repositories hold
// fractions and offsets. A bare date is not one of them.
Time ReadExpiry(FieldReader& reader, const JsonObject* body) {
  const std::string text = reader.Text(body, "expires");
  const Result<Time> time = ParseTime(text);
  if (!time || text.find('T') == std::string::npos) {
    reader.Fail("\"expires\" is not a date and time");
    return {};
  }
  return *time;
}

void ReadSignatures(FieldReader& reader, const JsonObject* file, Envelope& envelope) {
  std::set<std::string, std::less<>> seen;
  for (const JsonValue& value : *reader.Array(file, "signatures")) {
    const JsonObject* entry = reader.AsObject(value, "signatures");
    Signature signature{reader.Text(entry, "keyid"), reader.Text(entry, "sig")};
    if (!seen.insert(signature.keyid).second) {
      reader.Fail("two signatures have the key id " + signature.keyid);
    }
    envelope.signatures.push_back(std::move(signature));
  }
}

// ReadEnvelope fills `envelope` and returns "signed", which it owns.
const JsonObject* ReadEnvelope(FieldReader& reader, std::string_view raw, std::string_view type,
                               Envelope& envelope) {
  Result<JsonValue> parsed = ParseJson(raw);
  if (!parsed) {
    reader.Fail(parsed.error().message);
    return nullptr;
  }
  const JsonObject* file = reader.AsObject(*parsed, "the file");
  ReadSignatures(reader, file, envelope);
  if (reader.Object(file, "signed") == nullptr) return nullptr;
  envelope.raw = raw;
  envelope.body = *file->Find("signed");
  envelope.signed_bytes = CanonicalJson(envelope.body);
  const JsonObject* body = envelope.body.object();
  if (reader.Text(body, "_type") != type) reader.Fail("not of the type " + std::string(type));
  if (!IsSupportedSpecification(reader.Text(body, "spec_version"))) {
    reader.Fail("not of version 1 of the specification");
  }
  envelope.version = reader.Integer(body, "version", 1);
  envelope.expires = ReadExpiry(reader, body);
  return body;
}

RoleKeys ReadRoleKeys(FieldReader& reader, const JsonObject* role) {
  RoleKeys keys;
  keys.keyids = reader.Texts(role, "keyids");
  keys.threshold = static_cast<std::size_t>(reader.Integer(role, "threshold", 1));
  // One id twice could be counted twice.
  if (std::set<std::string>(keys.keyids.begin(), keys.keyids.end()).size() != keys.keyids.size()) {
    reader.Fail("a role names a key id twice");
  }
  return keys;
}

KeySet ReadKeys(FieldReader& reader, const JsonObject* from) {
  KeySet keys;
  const JsonObject* object = reader.Object(from, "keys");
  if (object == nullptr) return keys;
  for (const JsonMember& member : object->members()) {
    const JsonObject* key = reader.AsObject(member.value, "keys");
    reader.Text(key, "keytype");
    reader.Text(key, "scheme");
    reader.Object(key, "keyval");
    if (std::optional<PublicKey> read = PublicKey::Read(member.value)) {
      keys.emplace(member.key, std::move(*read));
    }
  }
  return keys;
}

std::vector<Hash> ReadHashes(FieldReader& reader, const JsonObject* from) {
  std::vector<Hash> hashes;
  const JsonObject* object = reader.Object(from, "hashes");
  if (object == nullptr) return hashes;
  for (const JsonMember& member : object->members()) {
    const std::string* text = member.value.text();
    if (text == nullptr || text->size() > kMaxHashText || !DecodeHex(*text)) {
      reader.Fail("a hash is not hexadecimal");
      return hashes;
    }
    hashes.push_back({member.key, *text});
  }
  if (hashes.empty()) reader.Fail("\"hashes\" is empty");
  return hashes;
}

FileInfo ReadMetaInfo(FieldReader& reader, const JsonValue& value) {
  FileInfo info;
  const JsonObject* object = reader.AsObject(value, "meta");
  info.version = reader.Integer(object, "version", 1);
  if (object == nullptr) return info;
  if (object->Find("length") != nullptr) info.length = reader.Integer(object, "length", 1);
  if (object->Find("hashes") != nullptr) info.hashes = ReadHashes(reader, object);
  return info;
}

FileInfo ReadTargetInfo(FieldReader& reader, const JsonValue& value) {
  FileInfo info;
  const JsonObject* object = reader.AsObject(value, "targets");
  info.length = reader.Integer(object, "length", 0);
  info.hashes = ReadHashes(reader, object);
  if (object == nullptr) return info;
  if (const JsonValue* custom = object->Find("custom")) info.custom = *custom;
  return info;
}

void ReadPaths(FieldReader& reader, const JsonObject* role, Delegation& delegation) {
  if (role == nullptr) return;
  const bool paths = role->Find("paths") != nullptr;
  if (paths == (role->Find("path_hash_prefixes") != nullptr)) {
    reader.Fail("a delegation has not exactly one of \"paths\" and \"path_hash_prefixes\"");
  } else if (paths) {
    delegation.paths = reader.Texts(role, "paths");
  } else {
    delegation.path_hash_prefixes = reader.Texts(role, "path_hash_prefixes");
  }
}

void CheckRoleName(FieldReader& reader, std::string_view name) {
  if (name.empty() || name.size() > kMaxRoleName) reader.Fail("a role's name is empty or too long");
  for (const std::string_view reserved : kTopLevelRoles) {
    if (name == reserved) reader.Fail("a delegation to the top-level role " + std::string(name));
  }
}

Delegation ReadDelegation(FieldReader& reader, const JsonValue& value) {
  Delegation delegation;
  const JsonObject* role = reader.AsObject(value, "roles");
  delegation.name = reader.Text(role, "name");
  CheckRoleName(reader, delegation.name);
  delegation.keys = ReadRoleKeys(reader, role);
  delegation.terminating = reader.Boolean(role, "terminating");
  ReadPaths(reader, role, delegation);
  return delegation;
}

SuccinctRoles ReadSuccinctRoles(FieldReader& reader, const JsonObject* from) {
  constexpr std::int64_t kMaxBits = 32;
  SuccinctRoles roles;
  const JsonObject* object = reader.Object(from, "succinct_roles");
  roles.keys = ReadRoleKeys(reader, object);
  roles.name_prefix = reader.Text(object, "name_prefix");
  CheckRoleName(reader, roles.name_prefix);
  const std::int64_t bits = reader.Integer(object, "bit_length", 1);
  if (bits > kMaxBits) reader.Fail("\"bit_length\" is over 32");
  roles.bit_length = static_cast<unsigned>(bits);
  return roles;
}

void ReadDelegations(FieldReader& reader, const JsonObject* body, Targets& targets) {
  const JsonObject* object = reader.Object(body, "delegations");
  if (object == nullptr) return;
  targets.delegation_keys = ReadKeys(reader, object);
  const bool succinct = object->Find("succinct_roles") != nullptr;
  if (succinct == (object->Find("roles") != nullptr)) {
    reader.Fail("delegations have not exactly one of \"roles\" and \"succinct_roles\"");
    return;
  }
  if (succinct) {
    targets.succinct_roles = ReadSuccinctRoles(reader, object);
    return;
  }
  std::set<std::string, std::less<>> seen;
  for (const JsonValue& value : *reader.Array(object, "roles")) {
    Delegation delegation = ReadDelegation(reader, value);
    if (reader.failed()) return;
    if (!seen.insert(delegation.name).second) {
      reader.Fail("two delegations to one role");
      return;
    }
    targets.delegations.push_back(std::move(delegation));
  }
}

template <typename T>
Result<T> Finish(const FieldReader& reader, std::string_view type, T role) {
  if (!reader.failed()) return role;
  return Error{Code::kMetadataMalformed, std::string(type) + ": " + reader.issue()};
}

}  // namespace

Result<Root> ReadRoot(std::string_view raw) {
  FieldReader reader;
  Root root;
  const JsonObject* body = ReadEnvelope(reader, raw, "root", root);
  // Absent in repositories from before the specification had it.
  if (body != nullptr && body->Find("consistent_snapshot") != nullptr) {
    root.consistent_snapshot = reader.Boolean(body, "consistent_snapshot");
  }
  root.keys = ReadKeys(reader, body);
  const JsonObject* roles = reader.Object(body, "roles");
  root.root = ReadRoleKeys(reader, reader.Object(roles, "root"));
  root.timestamp = ReadRoleKeys(reader, reader.Object(roles, "timestamp"));
  root.snapshot = ReadRoleKeys(reader, reader.Object(roles, "snapshot"));
  root.targets = ReadRoleKeys(reader, reader.Object(roles, "targets"));
  return Finish(reader, "root", std::move(root));
}

Result<Timestamp> ReadTimestamp(std::string_view raw) {
  FieldReader reader;
  Timestamp timestamp;
  const JsonObject* body = ReadEnvelope(reader, raw, "timestamp", timestamp);
  const JsonObject* meta = reader.Object(body, "meta");
  if (reader.Object(meta, "snapshot.json") != nullptr) {
    timestamp.snapshot = ReadMetaInfo(reader, *meta->Find("snapshot.json"));
  }
  return Finish(reader, "timestamp", std::move(timestamp));
}

Result<Snapshot> ReadSnapshot(std::string_view raw) {
  FieldReader reader;
  Snapshot snapshot;
  const JsonObject* body = ReadEnvelope(reader, raw, "snapshot", snapshot);
  const JsonObject* meta = reader.Object(body, "meta");
  reader.Object(meta, "targets.json");
  if (meta != nullptr) {
    for (const JsonMember& member : meta->members()) {
      snapshot.meta.emplace_hint(snapshot.meta.end(), member.key,
                                 ReadMetaInfo(reader, member.value));
    }
  }
  return Finish(reader, "snapshot", std::move(snapshot));
}

Result<Targets> ReadTargets(std::string_view raw) {
  FieldReader reader;
  Targets targets;
  const JsonObject* body = ReadEnvelope(reader, raw, "targets", targets);
  const JsonObject* entries = reader.Object(body, "targets");
  if (entries != nullptr) {
    for (const JsonMember& member : entries->members()) {
      targets.targets.emplace_hint(targets.targets.end(), member.key,
                                   ReadTargetInfo(reader, member.value));
    }
  }
  if (body != nullptr && body->Find("delegations") != nullptr) {
    ReadDelegations(reader, body, targets);
  }
  return Finish(reader, "targets", std::move(targets));
}

}  // namespace cotter::update
