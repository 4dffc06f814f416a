// SPDX-License-Identifier: Apache-2.0
#include "watch/memory.h"

#include <algorithm>
#include <set>

namespace cotter::watch {
namespace {

// Only what verified may become the baseline: an interceptor at the first look is not what is
// expected from then on.
bool IsSound(const SeenChainFacts& chain) { return !chain.path.empty(); }

std::vector<Digest> KeysOf(const std::map<Digest, Time>& keys) {
  std::vector<Digest> list;
  for (const auto& [key, when] : keys) list.push_back(key);
  return list;
}

void MakeRoom(std::map<Digest, Time>& keys) {
  while (keys.size() > kMaxKeys) {
    const auto oldest = std::min_element(
        keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    keys.erase(oldest);
  }
}

// The look told the same as the last one, times aside.
bool SaysTheSame(const ServerFacts& a, const ServerFacts& b) {
  const auto same_peer = [](const PeerFacts& x, const PeerFacts& y) {
    return x.peer == y.peer && x.error == y.error && x.version == y.version && x.chains == y.chains;
  };
  return a.failure == b.failure && a.policy_version == b.policy_version && a.chains == b.chains &&
         std::equal(a.peers.begin(), a.peers.end(), b.peers.begin(), b.peers.end(), same_peer);
}

}  // namespace

MemoryChange Remember(const ServerFacts& facts, Rotation rotation, ServerMemory& memory) {
  bool changed = !memory.facts || !SaysTheSame(*memory.facts, facts);
  memory.last_look = facts.at;
  const bool is_first = memory.leaf_keys.empty();
  const std::vector<Digest> before = KeysOf(memory.leaf_keys);
  for (const SeenChainFacts& chain : facts.chains) {
    if (is_first && !IsSound(chain)) continue;
    memory.last_success = facts.at;
    const auto [key, is_new] = memory.leaf_keys.try_emplace(chain.leaf, facts.at);
    key->second = facts.at;
    changed = changed || is_new;
    if (is_new && !is_first) {
      ++memory.key_changes;
      if (rotation == Rotation::kNone) {
        memory.last_change = KeyChange{.at = facts.at, .before = before, .after = chain.leaf};
      }
    }
    for (const Digest& intermediate : chain.Intermediates()) {
      if (memory.intermediates.contains(intermediate)) continue;
      const bool expected = is_first || rotation == Rotation::kOpen;
      auto& place = expected ? memory.intermediates : memory.unexpected;
      changed = place.try_emplace(intermediate, facts.at).second || changed;
      if (expected) memory.unexpected.erase(intermediate);
    }
  }
  if (rotation == Rotation::kOpen && memory.last_change) {
    memory.last_change.reset();
    changed = true;
  }
  MakeRoom(memory.leaf_keys);
  MakeRoom(memory.intermediates);
  MakeRoom(memory.unexpected);
  memory.facts = facts;
  return changed ? MemoryChange::kSomething : MemoryChange::kNone;
}

void RememberProof(const ServerFacts& standby, const std::vector<Digest>& backups,
                   ServerMemory& memory) {
  for (const SeenChainFacts& chain : standby.chains) {
    // Its key is proved by the handshake alone; whether its certificate verifies is another matter.
    if (std::find(backups.begin(), backups.end(), chain.leaf) != backups.end()) {
      memory.backup_proofs[chain.leaf] = standby.at;
    }
  }
  MakeRoom(memory.backup_proofs);
}

}  // namespace cotter::watch
