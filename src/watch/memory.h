// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of a server between looks: the keys and intermediates that were seen, when the
// key last changed, and who proved a backup key. Values, with the rules by which they change; no
// clock but the one that comes in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "watch/facts.h"
#include <cotter/pin.h>
#include <cotter/time.h>

namespace cotter::watch {

// Keys of one server that are remembered: a farm has a few. The one not seen for longest makes
// room.
inline constexpr std::size_t kMaxKeys = 64;

// KeyChange is a leaf key that was not there before.
struct KeyChange {
  Time at;
  std::vector<Digest> before;  // the keys until then
  Digest after{};

  friend bool operator==(const KeyChange&, const KeyChange&) = default;
};

// ServerMemory is one server. It begins at the first look that succeeds, which is its baseline.
struct ServerMemory {
  std::map<Digest, Time> leaf_keys;      // when each was last seen
  std::map<Digest, Time> intermediates;  // of the baseline, when first seen
  std::map<Digest, Time> unexpected;     // others, when first seen
  std::map<Digest, Time> backup_proofs;  // pins whose key a standby endpoint presented, when last
  std::uint64_t key_changes = 0;
  std::optional<KeyChange> last_change;  // that nobody announced
  std::optional<Time> last_look;
  std::optional<Time> last_success;
  std::optional<ServerFacts> facts;  // of the last look from here

  friend bool operator==(const ServerMemory&, const ServerMemory&) = default;
};

// What a new leaf key means at the moment.
enum class Rotation : std::uint8_t {
  kNone,  // nobody announced one: it is told
  kOpen,  // it is expected
};

// Whether a look told something that must be on disk.
enum class MemoryChange : std::uint8_t { kNone, kSomething };

// Remember takes the facts of a look from here into `memory`.
MemoryChange Remember(const ServerFacts& facts, Rotation rotation, ServerMemory& memory);

// RememberProof notes that a standby endpoint presented the key of each pin in `backups` that
// `facts` shows.
void RememberProof(const ServerFacts& standby, const std::vector<Digest>& backups,
                   ServerMemory& memory);

}  // namespace cotter::watch
