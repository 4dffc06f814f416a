// SPDX-License-Identifier: Apache-2.0
#include "watch/watcher.h"

#include <csignal>
#include <utility>

#include "base/clock.h"
#include "base/descriptor_limit.h"
#include "base/log.h"
#include "net/service_manager.h"
#include "watch/observe.h"

namespace cotter::watch {
namespace {

using base::Level;
using base::WriteLog;
using std::chrono::seconds;

constexpr seconds kTick{1};

// What a look said is written when it differs from the last, and at least this often.
constexpr seconds kLongestUnwritten{600};

// Servers that are no longer configured are remembered this long: a mistake in a file must not cost
// the baseline.
constexpr std::int64_t kForgetSeconds = std::int64_t{90} * 86'400;

// A sink that failed once may be restarting; from here on it is told.
constexpr std::uint64_t kFailuresTold = 2;

Subject Own(std::string name) {
  return {
      .name = std::move(name), .host = "", .group = "", .region = "", .vendor = "", .owner = ""};
}

}  // namespace

Watcher::Watcher(net::EventLoop& loop, WatchOptions options, WatchConfig config)
    : loop_(loop),
      options_(std::move(options)),
      config_(std::move(config)),
      failures_(report::MakeCounters()),
      tick_(loop.timers(), [this] { OnTick(); }),
      started_(base::Now()) {}

Watcher::~Watcher() {
  // The policy's thread reaches the loop alone; what it posted finds nobody.
  subscription_.reset();
  policy_source_.reset();
}

Result<std::unique_ptr<Watcher>> Watcher::Create(net::EventLoop& loop, WatchOptions options,
                                                 WatchConfig config) {
  base::RaiseDescriptorLimit();
  std::unique_ptr<Watcher> watcher(new Watcher(loop, std::move(options), std::move(config)));
  if (Result<void> prepared = watcher->Prepare(); !prepared) return prepared.error();
  return watcher;
}

Result<void> Watcher::Prepare() {
  auto roots = Roots::Load(config_.trust);
  if (!roots) return roots.error();
  roots_ = *std::move(roots);
  auto followed = OpenPolicy(config_);
  if (!followed) return followed.error();
  FollowPolicy(*std::move(followed));
  auto view = PolicyView::Load(config_.policy, config_.environment);
  if (!view) return view.error();
  auto state = State::Open(config_.state, base::Now());
  if (!state) return state.error();
  state_ = *std::move(state);
  auto rounds = Rounds::Create(loop_, config_.probe,
                               [this](Server& server, const auto& host) { OnLook(server, host); });
  if (!rounds) return rounds.error();
  rounds_ = *std::move(rounds);
  dispatcher_ = std::make_unique<Dispatcher>(loop_, *state_);
  if (Result<void> made = dispatcher_->Configure(config_.sinks, config_.delivery); !made) {
    return made;
  }
  if (Result<void> read = collector_.Configure(config_.vantages, loop_.now()); !read) return read;
  book_.Configure(config_.rules);
  fleet_ = Fleet::Make(config_, *std::move(view), roots_, {});
  reloaded_ = base::Now();
  Restore();
  return Ok();
}

// The policy has a thread of its own, which may outlive the watcher by a call: it reaches the loop
// alone, and what it posts there asks whether anybody still listens.
Result<std::shared_ptr<WatchedPolicy>> Watcher::OpenPolicy(const WatchConfig& config) {
  net::EventLoop& loop = loop_;
  return WatchedPolicy::Open({.path = config.policy,
                              .environment = config.environment,
                              .on_failure = [this, &loop](const Error& error) {
                                loop.Post([this, error] { OnPolicyFailure(error); });
                              }});
}

void Watcher::FollowPolicy(std::shared_ptr<WatchedPolicy> policy) {
  net::EventLoop& loop = loop_;
  subscription_.reset();
  policy_source_ = std::move(policy);
  subscription_ = policy_source_->Subscribe([this, &loop] { loop.Post([this] { OnPolicy(); }); });
}

void Watcher::Restore() {
  Stored stored = state_->Load();
  const Time now = base::Now();
  clock_ = std::make_unique<ClockGuard>(
      std::chrono::steady_clock::now(), now,
      stored.written.unix_seconds == 0 ? std::nullopt : std::optional(stored.written));
  moment_ = Now();
  for (auto& [name, memory] : stored.servers) {
    if (Server* const server = fleet_.Find(name); server != nullptr) {
      server->memory = std::move(memory);
    } else if (memory.last_look &&
               now.unix_seconds - memory.last_look->unix_seconds > kForgetSeconds) {
      state_->DropServer(name);
    }
  }
  for (const auto& [name, sequence] : stored.sequences) collector_.Restore(name, sequence);
  dispatcher_->Restore(std::move(stored.outbox));
  for (Notification& alert : stored.alerts) {
    book_.Restore(std::move(alert.subject), std::move(alert.condition), alert.since);
  }
  Tell(book_.Forget(SubjectNames(), moment_));
}

Moment Watcher::Now() { return clock_->Look(std::chrono::steady_clock::now(), base::Now()); }

Result<void> Watcher::Serve() {
  // Before there are other threads that could get a signal, but for those that block it too.
  auto signals = net::SignalWatch::Start(loop_, {SIGTERM, SIGINT, SIGHUP},
                                         [this](int signal) { OnSignal(signal); });
  if (!signals) return signals.error();
  signals_ = *std::move(signals);
  Result<Pages> pages = OpenPages(config_);
  if (!pages) return pages.error();
  UsePages(*std::move(pages));
  rounds_->Follow(fleet_);
  tick_.ArmAt(loop_.now() + kTick);
  EvaluateOwn(moment_);
  WriteLog(Level::kInfo, "ready",
           {{"servers", static_cast<std::int64_t>(fleet_.servers().size())},
            {"policy_version", static_cast<std::int64_t>(fleet_.policy()->version())}});
  WarnOfUnpinned(fleet_);
  net::NotifyServiceManager("READY=1");
  return Ok();
}

void Watcher::LookOnce() {
  once_ = true;
  for (const Rule& rule : AllRules()) config_.rules[rule.code].hold = seconds(0);
  book_.Configure(config_.rules);
  EvaluateOwn(moment_);
  rounds_->AskAll(fleet_, [this] { round_done_ = true; });
  tick_.ArmAt(loop_.now() + net::TimerWheel::kTick);
}

OnceSummary Watcher::Summary() const {
  OnceSummary summary{.servers = fleet_.servers().size(), .firing = {}, .undelivered = 0};
  for (const Alert* const alert : book_.Firing()) summary.firing.push_back(*alert);
  for (const Dispatcher::SinkFacts& sink : dispatcher_->Facts()) {
    summary.undelivered += sink.waiting;
  }
  return summary;
}

void Watcher::OnLook(Server& server, const probe::HostFacts& host) {
  moment_ = Now();
  const ServerFacts facts = FactsOf(host, *fleet_.policy());
  CountFailures(server, facts);
  const MemoryChange change = fleet_.Note(server, facts, moment_.wall);
  if (server.role == Role::kStandby) return;
  if (change == MemoryChange::kSomething || moment_.steady - server.written >= kLongestUnwritten) {
    state_->PutServer(server.name, server.memory);
    server.written = moment_.steady;
  }
  Evaluate(server, moment_);
}

// S1-47: one for each look that a client of the policy would have been refused by.
void Watcher::CountFailures(const Server& server, const ServerFacts& facts) {
  if (server.role != Role::kServed) return;
  for (const SeenChainFacts& chain : facts.chains) {
    if (chain.outcome != Outcome::kPinMismatch && chain.outcome != Outcome::kReported) continue;
    report::ViolationEvent event;
    event.host = server.subject.host;
    failures_->Tell(event);
    return;
  }
}

Vantages Watcher::VantagesNow(const Moment& now) const {
  Vantages vantages{.own = config_.vantage, .stale = {}, .awaited = 0};
  for (const auto& [name, agent] : collector_.agents()) {
    if (Collector::IsStale(agent, now.steady)) {
      vantages.stale.push_back(name);
    } else if (agent.reports == 0) {
      ++vantages.awaited;
    }
  }
  return vantages;
}

void Watcher::Evaluate(Server& server, const Moment& now) {
  if (server.role != Role::kServed || (!server.memory.facts && server.remote.empty())) return;
  const Vantages vantages = VantagesNow(now);
  const ServerView view = fleet_.ViewOf(server, vantages, config_.backup_proof_days, now.wall);
  const Quorum quorum = vantages.awaited == 0 ? Quorum::kComplete : Quorum::kAwaited;
  Tell(book_.Update(server.subject, Judge(view, now.wall), now, quorum));
  if (book_.IsRestless(server.name)) {
    restless_.insert(server.name);
  } else {
    restless_.erase(server.name);
  }
}

void Watcher::EvaluateAll(const Moment& now) {
  for (const auto& server : fleet_.servers()) {
    if (server->looks != 0 || !server->remote.empty()) Evaluate(*server, now);
  }
}

// EvaluateOwn is what watch has to say of itself.
void Watcher::EvaluateOwn(const Moment& now) {
  std::vector<Condition> conditions;
  if (!state_->trouble().empty() || !state_->is_writable()) {
    conditions.push_back({.code = Code::kStateUnusable,
                          .severity = Severity::kCritical,
                          .text = "the state of watch cannot be kept on disk",
                          .details = state_->trouble()});
  }
  if (now.trust == ClockTrust::kInDoubt) {
    conditions.push_back({.code = Code::kClockSkew,
                          .severity = Severity::kWarning,
                          .text = "the clock of the watching machine jumped",
                          .details = "by " + std::to_string(clock_->jumped()) +
                                     " seconds; dates are not judged until it has run evenly"});
  }
  Tell(book_.Update(Own(std::string(kOwnSubject)), conditions, now));
  for (const auto& [name, agent] : collector_.agents()) {
    conditions.clear();
    if (Collector::IsStale(agent, now.steady)) {
      conditions.push_back({.code = Code::kVantageStale,
                            .severity = Severity::kWarning,
                            .text = "vantage point has stopped reporting: " + name,
                            .details = agent.heard_at.unix_seconds == 0
                                           ? "nothing since the start"
                                           : "last at " + FormatTime(agent.heard_at)});
    }
    Tell(book_.Update(Own(name), conditions, now));
  }
  for (const Dispatcher::SinkFacts& sink : dispatcher_->Facts()) {
    conditions.clear();
    if (sink.failing_in_a_row >= kFailuresTold) {
      conditions.push_back({.code = Code::kAlertUndelivered,
                            .severity = Severity::kWarning,
                            .text = "alerts are not delivered: " + sink.name,
                            .details = sink.last_error});
    }
    Tell(book_.Update(Own(sink.name), conditions, now));
  }
}

void Watcher::Tell(const std::vector<Notification>& told) {
  for (const Notification& notification : told) {
    const bool over = notification.notice == Notice::kResolved;
    WriteLog(over ? Level::kInfo : Level::kWarning, over ? "alert_resolved" : "alert",
             {{"alert", NameOf(notification.condition.code)},
              {"severity", NameOf(notification.condition.severity)},
              {"target", notification.subject.name},
              {"text", notification.condition.text},
              {"details", notification.condition.details}});
    if (over) {
      state_->DropAlert(notification.Key());
    } else {
      state_->PutAlert(notification);
    }
    dispatcher_->Notify(notification);
  }
  if (!told.empty()) TellSoon();
}

// TellSoon writes and sends when the handlers of this round have returned: what many servers have
// to say is one commit.
void Watcher::TellSoon() {
  if (std::exchange(tell_soon_, true)) return;
  loop_.Later([this] {
    tell_soon_ = false;
    CommitAndPump();
  });
}

// CommitAndPump has on disk what is then sent. Where the disk does not take it, it is sent all the
// same.
void Watcher::CommitAndPump() {
  const bool was_writable = state_->is_writable();
  const Result<void> written = state_->Commit(base::Now());
  if (!written && was_writable) {
    WriteLog(Level::kError, "state_unusable", {{"message", written.error().message}});
  }
  if (state_->TakeRewrite()) PutEverything();
  dispatcher_->Pump(std::chrono::steady_clock::now(), base::Now(), [this] { return FiringNow(); });
}

void Watcher::PutEverything() {
  for (const auto& server : fleet_.servers()) {
    if (server->role == Role::kServed && server->looks != 0) {
      state_->PutServer(server->name, server->memory);
    }
  }
  for (const Notification& alert : FiringNow()) state_->PutAlert(alert);
  for (const auto& [name, agent] : collector_.agents()) state_->PutSequence(name, agent.sequence);
  dispatcher_->PutAll();
}

std::vector<Notification> Watcher::FiringNow() const {
  std::vector<Notification> firing;
  for (const Alert* const alert : book_.Firing()) {
    firing.push_back({.notice = Notice::kFiring,
                      .subject = alert->subject,
                      .condition = alert->condition,
                      .since = alert->since,
                      .until = std::nullopt,
                      .previous_severity = std::nullopt});
  }
  return firing;
}

std::set<std::string, std::less<>> Watcher::SubjectNames() const {
  std::set<std::string, std::less<>> names{std::string(kOwnSubject)};
  for (const auto& server : fleet_.servers()) {
    if (server->role == Role::kServed) names.insert(server->name);
  }
  for (const auto& [name, agent] : collector_.agents()) names.insert(name);
  for (const SinkConfig& sink : config_.sinks) names.insert(sink.name);
  return names;
}

void Watcher::OnTick() {
  moment_ = Now();
  if (clock_->jumps() != std::exchange(jumps_told_, clock_->jumps())) {
    WriteLog(Level::kWarning, "clock_jumped", {{"seconds", clock_->jumped()}});
  }
  EvaluateOwn(moment_);
  const std::set<std::string, std::less<>> restless = restless_;
  for (const std::string& name : restless) {
    if (Server* const server = fleet_.Find(name); server != nullptr) Evaluate(*server, moment_);
  }
  CommitAndPump();
  if (once_) return FinishOnce();
  tick_.ArmAt(loop_.now() + kTick);
}

void Watcher::FinishOnce() {
  // A sink that failed is left for the next run.
  if (round_done_ && dispatcher_->is_idle(std::chrono::steady_clock::now())) {
    CommitAndPump();
    if (dispatcher_->is_idle(std::chrono::steady_clock::now())) return loop_.Stop();
  }
  tick_.ArmAt(loop_.now() + net::TimerWheel::kTick);
}

void Watcher::OnSignal(int signal) {
  if (signal == SIGHUP) return Reload();
  stopping_ = true;
  net::NotifyServiceManager("STOPPING=1");
  rounds_->Stop();
  tick_.Cancel();
  static_cast<void>(state_->Commit(base::Now()));
  WriteLog(Level::kInfo, "stopped");
  loop_.Stop();
}

}  // namespace cotter::watch
