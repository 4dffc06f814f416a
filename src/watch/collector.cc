// SPDX-License-Identifier: Apache-2.0
#include "watch/collector.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace cotter::watch {
namespace {

constexpr int kBadRequest = 400;
constexpr int kUnauthorized = 401;
constexpr int kConflict = 409;

}  // namespace

Result<void> Collector::Configure(const std::vector<VantageConfig>& vantages, SteadyTime now) {
  std::map<std::string, Agent, std::less<>> agents;
  for (const VantageConfig& vantage : vantages) {
    Result<CheckingKey> key = CheckingKey::Read(vantage.key_file);
    if (!key) return key.error();
    Agent agent{.key = *std::move(key),
                .interval = vantage.interval,
                .heard = now,
                .heard_at = {},
                .refused = {}};
    if (const auto known = agents_.find(vantage.name); known != agents_.end()) {
      agent.sequence = known->second.sequence;
      agent.heard = known->second.heard;
      agent.heard_at = known->second.heard_at;
      agent.reports = known->second.reports;
      agent.refused = known->second.refused;
    } else if (const auto before = restored_.find(vantage.name); before != restored_.end()) {
      agent.sequence = before->second;
    }
    agents.emplace(vantage.name, std::move(agent));
  }
  agents_ = std::move(agents);
  return Ok();
}

void Collector::Restore(const std::string& name, std::uint64_t sequence) {
  restored_[name] = sequence;
  if (const auto known = agents_.find(name); known != agents_.end()) {
    known->second.sequence = std::max(known->second.sequence, sequence);
  }
}

std::optional<Collector::Taken> Collector::Take(std::string_view envelope, SteadyTime now,
                                                Time wall, Refusal& refusal) {
  const Result<Envelope> opened = OpenEnvelope(envelope);
  if (!opened) {
    refusal = {kBadRequest, opened.error().message};
    return std::nullopt;
  }
  const auto found = agents_.find(opened->name);
  // One answer for both: who has no key learns no names.
  if (found == agents_.end() || !IsSignedBy(*opened, found->second.key)) {
    refusal = {kUnauthorized, "not signed by a vantage point that is known here"};
    if (found != agents_.end()) ++found->second.refused["signature"];
    return std::nullopt;
  }
  Agent& agent = found->second;
  if (std::abs(wall.unix_seconds - opened->time.unix_seconds) > kMaxEnvelopeAge) {
    ++agent.refused["age"];
    refusal = {kConflict, "the clocks differ: here it is " + FormatTime(wall)};
    return std::nullopt;
  }
  if (opened->sequence <= agent.sequence) {
    ++agent.refused["replay"];
    refusal = {kConflict, "sequence " + std::to_string(agent.sequence) + " was taken before"};
    return std::nullopt;
  }
  Result<std::vector<ServerFacts>> reports = ParseReports(opened->json);
  if (!reports) {
    ++agent.refused["malformed"];
    refusal = {kBadRequest, reports.error().message};
    return std::nullopt;
  }
  agent.sequence = opened->sequence;
  agent.heard = now;
  agent.heard_at = wall;
  agent.reports += reports->size();
  return Taken{found->first, opened->sequence, *std::move(reports)};
}

bool Collector::IsStale(const Agent& agent, SteadyTime now) noexcept {
  constexpr int kMissed = 3;
  return now - agent.heard > kMissed * agent.interval;
}

}  // namespace cotter::watch
