// SPDX-License-Identifier: Apache-2.0
#include "watch/rounds.h"

#include <algorithm>
#include <random>
#include <utility>

namespace cotter::watch {
namespace {

using std::chrono::milliseconds;

// At the start, and after a reload, looks are spread out by this much for each server, within the
// interval of its group.
constexpr std::int64_t kSpreadMilliseconds = 5;

// The same bytes are judged anew after this long, or when the policy changes: that a certificate
// has ended is told this much late at most. Most of what a look costs is judging.
constexpr std::chrono::seconds kKeepJudged{600};
constexpr std::size_t kMostJudged = 32'768;

// Chance for when servers are looked at; nobody is to guess it, and nothing depends on it.
Schedule::Random SystemRandom() {
  return [engine = std::mt19937_64(std::random_device()())]() mutable { return engine(); };
}

}  // namespace

Rounds::Rounds(net::EventLoop& loop, std::size_t most, Looked looked)
    : loop_(loop),
      most_(most),
      looked_(std::move(looked)),
      schedule_(SystemRandom()),
      timer_(loop.timers(), [this] { OnTimer(); }) {}

Result<std::unique_ptr<Rounds>> Rounds::Create(net::EventLoop& loop, const ProbeConfig& config,
                                               Looked looked) {
  probe::EngineOptions options;
  options.most_open = config.connections;
  options.rates.per_address_per_second = config.per_address_per_second;
  options.rates.per_network_per_second = config.per_network_per_second;
  options.name_servers = config.name_servers;
  options.keep_judged = kKeepJudged;
  options.most_judged = kMostJudged;
  // Questions wait in the schedule, not in the engine: there they can be given up.
  std::unique_ptr<Rounds> rounds(new Rounds(loop, 2 * config.connections, std::move(looked)));
  auto engine = probe::Engine::Create(loop, std::move(options));
  if (!engine) return engine.error();
  rounds->engine_ = *std::move(engine);
  return rounds;
}

void Rounds::Follow(Fleet& fleet) {
  fleet_ = &fleet;
  ++generation_;
  schedule_.Clear();
  const auto now = loop_.now();
  const auto count = static_cast<std::int64_t>(fleet.servers().size());
  for (std::size_t i = 0; i < fleet.servers().size(); ++i) {
    const milliseconds interval = fleet.servers()[i]->group->config.interval;
    schedule_.Begin(i, now, std::min(interval, milliseconds(kSpreadMilliseconds * (count - 1))));
  }
  Arm();
}

void Rounds::AskAll(Fleet& fleet, std::function<void()> done) {
  fleet_ = &fleet;
  ++generation_;
  done_ = std::move(done);
  unanswered_ = fleet.servers().size();
  for (std::size_t i = 0; i < fleet.servers().size(); ++i) Look(i);
}

void Rounds::Stop() {
  ++generation_;
  schedule_.Clear();
  timer_.Cancel();
}

void Rounds::Arm() {
  const auto next = schedule_.Next();
  if (!next) return timer_.Cancel();
  // Where as many are open as may be, a look that ends makes room soon.
  const auto now = loop_.now();
  const bool is_full = engine_->pending() >= most_;
  timer_.ArmAt(is_full ? now + net::TimerWheel::kTick : std::max(*next, now));
}

void Rounds::OnTimer() {
  const auto now = loop_.now();
  while (engine_->pending() < most_) {
    const auto due = schedule_.TakeDue(now);
    if (!due) break;
    const Server& server = *fleet_->servers()[due->server];
    schedule_.Again(due->server, due->at, now, server.group->config.interval,
                    server.group->config.jitter_percent);
    // One that takes longer than its interval is not looked at twice at once.
    if (!server.asking) Look(due->server);
  }
  Arm();
}

void Rounds::Look(std::size_t index) {
  Server& server = *fleet_->servers()[index];
  server.asking = true;
  engine_->Ask({.target = server.target,
                .settings = server.settings ? server.settings : server.group->settings},
               [this, generation = generation_, index](const probe::HostFacts& facts) {
                 OnAnswer(generation, index, facts);
               });
}

void Rounds::OnAnswer(std::uint64_t generation, std::size_t index, const probe::HostFacts& facts) {
  if (generation != generation_) return;
  Server& server = *fleet_->servers()[index];
  server.asking = false;
  looked_(server, facts);
  if (unanswered_ != 0 && --unanswered_ == 0 && done_) std::exchange(done_, nullptr)();
}

}  // namespace cotter::watch
