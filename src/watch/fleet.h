// SPDX-License-Identifier: Apache-2.0
//
// The servers of a configuration, with what is known of each. For the loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/target.h"
#include "probe/engine/question.h"
#include "watch/alert_book.h"
#include "watch/config.h"
#include "watch/judge.h"
#include "watch/memory.h"
#include "watch/policy_view.h"
#include <cotter/time.h>

namespace cotter::watch {

// What a server is watched for.
enum class Role : std::uint8_t {
  kServed,   // clients use it
  kStandby,  // it stands for a host of its group, and proves that it holds its backup key
};

// Group is a group at work; shared by its servers.
struct Group {
  GroupConfig config;
  std::shared_ptr<const probe::Settings> settings;
};

// RemoteReport is what an agent said last of a server.
struct RemoteReport {
  ServerFacts facts;
  std::chrono::steady_clock::time_point heard{};
};

// Server is one of them.
struct Server {
  explicit Server(net::Target which) : target(std::move(which)) {}

  std::string name;  // "api.example.com:443"; of a standby that of the host that it stands for
  Subject subject;
  net::Target target;
  std::shared_ptr<Group> group;
  std::optional<net::Target> standby;               // where it is, for kStandby
  std::shared_ptr<const probe::Settings> settings;  // likewise how it is reached; else the group's
  bool standby_seen = false;                        // of a host: one of them was looked at
  Role role = Role::kServed;
  RuleView rule;
  ServerMemory memory;
  std::map<std::string, RemoteReport> remote;       // by vantage point
  std::chrono::steady_clock::time_point written{};  // when its memory was last noted
  std::uint64_t looks = 0;
  bool asking = false;
};

// Vantages is what is known of the vantage points.
struct Vantages {
  std::string own;
  std::vector<std::string> stale;  // whose reports do not count
  std::size_t awaited = 0;         // that have not reported since the start, and are not stale
};

// Roots is what servers are held against.
struct Roots {
  std::shared_ptr<const tls::TrustStore> all;
  std::shared_ptr<const tls::TrustStore> declared;  // those that the configuration names; or null

  // Load fails as tls::LoadTrustStore does.
  [[nodiscard]] static Result<Roots> Load(const tls::TrustOptions& options);
};

class Fleet {
 public:
  // Make makes the servers of `config`. Those that `old` has too keep what is known of them.
  [[nodiscard]] static Fleet Make(const WatchConfig& config,
                                  std::shared_ptr<const PolicyView> policy, Roots roots, Fleet old);

  // UsePolicy takes a new policy in.
  void UsePolicy(std::shared_ptr<const PolicyView> policy);

  [[nodiscard]] std::vector<std::unique_ptr<Server>>& servers() noexcept { return servers_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Server>>& servers() const noexcept {
    return servers_;
  }
  [[nodiscard]] const std::shared_ptr<const PolicyView>& policy() const noexcept { return policy_; }

  // Find is the served server `name`, or null.
  [[nodiscard]] Server* Find(std::string_view name);

  // RotationOf says whether the key of `server` may change at `now`.
  [[nodiscard]] Rotation RotationOf(const Server& server, Time now) const;

  // Note takes the facts of a look from here.
  MemoryChange Note(Server& server, const ServerFacts& facts, Time now);

  // ViewOf is `server` for the judge. Borrows from `server`.
  [[nodiscard]] ServerView ViewOf(const Server& server, const Vantages& vantages,
                                  std::int64_t backup_proof_days, Time now) const;

 private:
  void Add(const net::Target& target, const std::shared_ptr<Group>& group, Fleet& old);
  void AddStandby(const net::Target& host, const net::Target& place,
                  const std::shared_ptr<Group>& group);
  void Settle(Group& group) const;
  void SettleStandbys() const;

  std::shared_ptr<const PolicyView> policy_;
  Roots roots_;
  ProbeConfig probe_;
  std::vector<RotationConfig> rotations_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::shared_ptr<Group>> groups_;
  std::map<std::string, std::size_t, std::less<>> by_name_;  // served ones
};

// WarnOfUnpinned writes into the log which servers the policy has no pins for: whoever wrote a name
// wrong should not take silence for safety.
void WarnOfUnpinned(const Fleet& fleet);

}  // namespace cotter::watch
