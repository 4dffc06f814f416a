// SPDX-License-Identifier: Apache-2.0
//
// The metadata of The Update Framework 1.0 (section 4 of its specification), read strictly. What
// was read is not yet trusted: see verify.h. Immutable, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "update/json_value.h"
#include "update/public_key.h"
#include <cotter/bytes.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::update {

// What a role's signature is checked against: some keys, and how many of them must have signed.
struct RoleKeys {
  std::vector<std::string> keyids;
  std::size_t threshold = 0;
};

// Keys by id. A key of an unknown type is not among them.
using KeySet = std::map<std::string, PublicKey, std::less<>>;

// Hash is one digest of a file, with the name of its algorithm.
struct Hash {
  std::string algorithm;
  std::string hex;
};

// FileInfo is what one metadata file says of another, or of a target.
struct FileInfo {
  std::int64_t version = 0;            // of metadata; 0 for a target
  std::optional<std::int64_t> length;  // always there for a target
  std::vector<Hash> hashes;            // never empty for a target
  JsonValue custom;                    // of a target; null where there is none
};

struct Signature {
  std::string keyid;
  std::string hex;  // as it stands; text that is no signature counts for nobody
};

// Envelope is what all four roles have in common.
struct Envelope {
  std::string raw;           // the file
  std::string signed_bytes;  // the canonical form that signatures are over
  std::vector<Signature> signatures;
  JsonValue body;  // "signed", unknown fields among it
  std::int64_t version = 0;
  Time expires;
};

struct Root : Envelope {
  bool consistent_snapshot = false;
  KeySet keys;
  RoleKeys root;
  RoleKeys timestamp;
  RoleKeys snapshot;
  RoleKeys targets;
};

struct Timestamp : Envelope {
  FileInfo snapshot;
};

struct Snapshot : Envelope {
  std::map<std::string, FileInfo, std::less<>> meta;  // by file name, "targets.json"
};

// Delegation is one role that a targets role trusts with some paths.
struct Delegation {
  std::string name;
  RoleKeys keys;
  bool terminating = false;
  std::vector<std::string> paths;               // patterns, or
  std::vector<std::string> path_hash_prefixes;  // lower-case hexadecimal
};

// SuccinctRoles are 2^bit_length hash bins in few bytes (TAP 15).
struct SuccinctRoles {
  RoleKeys keys;
  unsigned bit_length = 0;  // 1 to 32
  std::string name_prefix;
};

struct Targets : Envelope {
  std::map<std::string, FileInfo, std::less<>> targets;  // by path
  KeySet delegation_keys;
  std::vector<Delegation> delegations;  // in order of preference
  std::optional<SuccinctRoles> succinct_roles;
};

// ReadRoot, ReadTimestamp, ReadSnapshot and ReadTargets read the file `raw`. kMetadataMalformed
// says what is not as the specification has it: the JSON (see ParseJson), another type of role, a
// version of the specification other than 1, a missing or ill-typed field, two signatures of one
// key id. Unknown fields are kept and signed. Allocates.
[[nodiscard]] Result<Root> ReadRoot(std::string_view raw);
[[nodiscard]] Result<Timestamp> ReadTimestamp(std::string_view raw);
[[nodiscard]] Result<Snapshot> ReadSnapshot(std::string_view raw);
[[nodiscard]] Result<Targets> ReadTargets(std::string_view raw);

// DelegatedTo is the roles that `targets` trusts with the path `path`, in order of preference.
[[nodiscard]] std::vector<Delegation> DelegatedTo(const Targets& targets, std::string_view path);

}  // namespace cotter::update
