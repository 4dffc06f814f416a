// SPDX-License-Identifier: Apache-2.0
#include "watch/fleet.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/name_list.h"

namespace cotter::watch {
namespace {

// Servers that a line of the log names.
constexpr std::size_t kMostNamed = 20;

bool Covers(const RotationConfig& rotation, const Server& server) {
  const auto has = [](const std::vector<std::string>& list, const std::string& word) {
    return !word.empty() && std::find(list.begin(), list.end(), word) != list.end();
  };
  const GroupConfig& group = server.group->config;
  const bool by_host =
      std::any_of(rotation.hosts.begin(), rotation.hosts.end(),
                  [&](const HostPattern& pattern) { return pattern.Matches(server.target.host); });
  return by_host || has(rotation.groups, group.name) || has(rotation.regions, group.region) ||
         has(rotation.vendors, group.vendor);
}

}  // namespace

Result<Roots> Roots::Load(const tls::TrustOptions& options) {
  Roots roots;
  auto all = tls::LoadTrustStore(options);
  if (!all) return all.error();
  roots.all = *std::move(all);
  if (options.files.empty()) return roots;
  tls::TrustOptions named = options;
  named.system_roots = tls::SystemRoots::kNone;
  auto declared = tls::LoadTrustStore(named);
  if (!declared) return declared.error();
  roots.declared = *std::move(declared);
  return roots;
}

Fleet Fleet::Make(const WatchConfig& config, std::shared_ptr<const PolicyView> policy, Roots roots,
                  Fleet old) {
  Fleet fleet;
  fleet.policy_ = std::move(policy);
  fleet.roots_ = std::move(roots);
  fleet.probe_ = config.probe;
  fleet.rotations_ = config.rotations;
  for (const GroupConfig& group_config : config.groups) {
    auto group = std::make_shared<Group>();
    group->config = group_config;
    fleet.groups_.push_back(group);
    for (const net::Target& target : group_config.hosts) {
      fleet.Add(target, group, old);
      for (const net::Target& place : group_config.standby) fleet.AddStandby(target, place, group);
    }
    fleet.Settle(*group);
  }
  fleet.SettleStandbys();
  return fleet;
}

void Fleet::Add(const net::Target& target, const std::shared_ptr<Group>& group, Fleet& old) {
  auto server = std::make_unique<Server>(target);
  server->name = net::FormatTarget(target);
  if (by_name_.contains(server->name)) return;  // named twice
  server->group = group;
  server->rule = policy_->RuleOf(target);
  std::string owner = group->config.owner;
  if (owner.empty() && server->rule.rule != nullptr) owner = server->rule.rule->owner;
  server->subject = {.name = server->name,
                     .host = std::string(target.host.text()),
                     .group = group->config.name,
                     .region = group->config.region,
                     .vendor = group->config.vendor,
                     .owner = std::move(owner)};
  if (Server* const before = old.Find(server->name); before != nullptr) {
    server->memory = std::move(before->memory);
    server->remote = std::move(before->remote);
    server->looks = before->looks;
  }
  by_name_[server->name] = servers_.size();
  servers_.push_back(std::move(server));
}

// A standby is asked as the clients of its host would ask it, were it in the host's place.
void Fleet::AddStandby(const net::Target& host, const net::Target& place,
                       const std::shared_ptr<Group>& group) {
  auto server = std::make_unique<Server>(host);
  server->name = net::FormatTarget(host);
  server->group = group;
  server->role = Role::kStandby;
  server->standby = place;
  servers_.push_back(std::move(server));
}

void Fleet::SettleStandbys() const {
  for (const auto& server : servers_) {
    if (!server->standby) continue;
    auto settings = std::make_shared<probe::Settings>(*server->group->settings);
    settings->connect.resolve.clear();
    settings->connect.connect_to = {{.from_host = {},
                                     .from_port = {},
                                     .to_host = server->standby->lookup_name,
                                     .to_port = server->standby->port}};
    server->settings = std::move(settings);
  }
}

void Fleet::Settle(Group& group) const {
  auto settings = std::make_shared<probe::Settings>();
  settings->connect.starttls = group.config.starttls;
  settings->wanted.other_keys = group.config.other_keys;
  if (!group.config.addresses.empty()) {
    std::set<std::uint16_t> ports;
    for (const net::Target& target : group.config.hosts) ports.insert(target.port);
    for (const std::uint16_t port : ports) {
      settings->connect.resolve.push_back(
          {.host = std::nullopt, .port = port, .addresses = group.config.addresses});
    }
  }
  const std::chrono::milliseconds timeout = probe_.timeout;
  settings->limits = {.resolve = timeout,
                      .connect = timeout,
                      .preamble = timeout,
                      .handshake = timeout,
                      .request = timeout};
  settings->trust = roots_.all;
  settings->declared = roots_.declared;
  settings->policy = policy_->index();
  group.settings = std::move(settings);
}

void Fleet::UsePolicy(std::shared_ptr<const PolicyView> policy) {
  policy_ = std::move(policy);
  for (const auto& group : groups_) Settle(*group);
  SettleStandbys();
  for (const auto& server : servers_) server->rule = policy_->RuleOf(server->target);
}

Server* Fleet::Find(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : servers_[found->second].get();
}

Rotation Fleet::RotationOf(const Server& server, Time now) const {
  for (const RotationConfig& rotation : rotations_) {
    if (!Covers(rotation, server)) continue;
    if (rotation.from <= now && now < rotation.until) return Rotation::kOpen;
  }
  return Rotation::kNone;
}

MemoryChange Fleet::Note(Server& server, const ServerFacts& facts, Time now) {
  ++server.looks;
  if (server.role == Role::kServed) {
    return Remember(facts, RotationOf(server, now), server.memory);
  }
  server.memory.facts = facts;
  if (Server* const served = Find(server.name); served != nullptr) {
    served->standby_seen = true;
    RememberProof(facts, served->rule.reserves, served->memory);
  }
  return MemoryChange::kNone;
}

ServerView Fleet::ViewOf(const Server& server, const Vantages& vantages,
                         std::int64_t backup_proof_days, Time now) const {
  ServerView view{.subject = server.subject,
                  .rule = server.rule,
                  .memory = server.memory,
                  .reports = {},
                  .awaited = vantages.awaited,
                  .rotation = RotationOf(server, now),
                  .standby = Standby::kNone,
                  .intermediates = server.group->config.intermediates,
                  .backup_proof_days = backup_proof_days,
                  .policy_version = policy_->version()};
  if (server.memory.facts) view.reports.push_back({vantages.own, &*server.memory.facts});
  for (const auto& [vantage, report] : server.remote) {
    if (std::find(vantages.stale.begin(), vantages.stale.end(), vantage) == vantages.stale.end()) {
      view.reports.push_back({vantage, &report.facts});
    }
  }
  if (!server.group->config.standby.empty()) {
    view.standby = server.standby_seen ? Standby::kLookedAt : Standby::kNotYet;
  }
  return view;
}

void WarnOfUnpinned(const Fleet& fleet) {
  std::vector<std::string> unpinned;
  for (const auto& server : fleet.servers()) {
    if (server->role == Role::kServed && !server->rule.pins_anything()) {
      unpinned.push_back(server->name);
    }
  }
  if (unpinned.empty()) return;
  base::WriteLog(base::Level::kWarning, "servers_without_pins",
                 {{"count", static_cast<std::int64_t>(unpinned.size())},
                  {"servers", base::NameList(unpinned, kMostNamed)},
                  {"message", "what changes is told there, and any key that verifies passes"}});
}

}  // namespace cotter::watch
