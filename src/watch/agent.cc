// SPDX-License-Identifier: Apache-2.0
#include "watch/agent.h"

#include <algorithm>
#include <csignal>
#include <random>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics_writer.h"
#include "net/service_manager.h"
#include "watch/observe.h"
#include "watch/sink.h"

namespace cotter::watch {
namespace {

using base::Level;
using base::WriteLog;
using std::chrono::seconds;

constexpr seconds kTick{1};
constexpr seconds kSendTimeout{30};
constexpr std::uint64_t kMilli = 1000;

// What the collector said, as a thread brings it back.
struct Said {
  Answer answer;
  std::string text;
};

// Post sends one envelope and waits for the answer. Fails where there was none.
Result<void> Post(const client::Client& client, const std::string& url, const std::string& envelope,
                  Said& said) {
  client::Request request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.body = envelope;
  request.max_redirects = 0;
  const Result<client::Response> response = client.Send(std::move(request));
  if (!response) return response.error();
  said.answer.status = response->status;
  if (const auto field = response->FindHeader("Retry-After")) {
    said.answer.retry_after = ReadRetryAfter(*field);
  }
  said.text = "the collector answered " + std::to_string(response->status) + ": " +
              response->body.substr(0, response->body.find('\n'));
  return Ok();
}

}  // namespace

AgentService::AgentService(net::EventLoop& loop, WatchOptions options)
    : loop_(loop),
      options_(std::move(options)),
      tick_(loop.timers(), [this] { OnTick(); }),
      queue_([engine = std::mt19937_64(std::random_device()())]() mutable { return engine(); }) {}

AgentService::~AgentService() {
  subscription_.reset();
  policy_source_.reset();
}

Result<std::unique_ptr<AgentService>> AgentService::Create(net::EventLoop& loop,
                                                           WatchOptions options,
                                                           WatchConfig config) {
  if (!config.agent) {
    return Error{Code::kUsage, options.config_file + ": there is no [agent], with its collector"};
  }
  Result<SigningKey> key = SigningKey::Read(config.agent->key_file);
  if (!key) return key.error();
  std::unique_ptr<AgentService> agent(new AgentService(loop, std::move(options)));
  agent->config_ = std::move(config);
  agent->key_ = *std::move(key);
  if (Result<void> prepared = agent->Prepare(); !prepared) return prepared.error();
  return agent;
}

Result<void> AgentService::Prepare() {
  // What is wrong with the name is known before anything was looked at.
  if (const auto sealed = Seal(config_.vantage, 1, Time{}, "{}", *key_); !sealed) {
    return sealed.error();
  }
  auto roots = Roots::Load(config_.trust);
  if (!roots) return roots.error();
  roots_ = *std::move(roots);
  net::EventLoop& loop = loop_;
  auto followed = WatchedPolicy::Open({.path = config_.policy,
                                       .environment = config_.environment,
                                       .on_failure = [this, &loop](const Error& error) {
                                         loop.Post([this, error] { OnPolicyFailure(error); });
                                       }});
  if (!followed) return followed.error();
  policy_source_ = *std::move(followed);
  subscription_ = policy_source_->Subscribe([this, &loop] { loop.Post([this] { OnPolicy(); }); });
  auto view = PolicyView::Load(config_.policy, config_.environment);
  if (!view) return view.error();
  if (Result<void> connected = Connect(); !connected) return connected;
  worker_ = std::make_unique<Worker>(loop_);
  auto rounds =
      Rounds::Create(loop_, config_.probe, [this](Server& server, const probe::HostFacts& host) {
        if (server.role == Role::kServed) queue_.Add(FactsOf(host, *fleet_.policy()));
      });
  if (!rounds) return rounds.error();
  rounds_ = *std::move(rounds);
  fleet_ = Fleet::Make(config_, *std::move(view), roots_, {});
  return Ok();
}

// Connect sets up how the collector is spoken to; what was set up before stays where it fails.
Result<void> AgentService::Connect() {
  const Result<Carriers> carriers = MakeCarriers(config_.delivery);
  if (!carriers) return carriers.error();
  Result<client::Client> client = carriers->make_client(kSendTimeout);
  if (!client) return client.error();
  client_ = *std::move(client);
  return Ok();
}

Result<void> AgentService::OpenPage() {
  admin_.reset();
  if (!config_.admin) return Ok();
  constexpr unsigned kOwnerAlone = 0600;
  Result<net::Listener> listener = net::Listener::Listen(*config_.admin, kOwnerAlone);
  if (!listener) return listener.error();
  if (options_.reach == Reach::kThisMachine && !listener->IsPrivate()) {
    return Error{Code::kUsage, config_.admin->ToString() +
                                   ": other machines could reach this "
                                   "address; --insecure-listen-anywhere "
                                   "allows it"};
  }
  const std::string bound = listener->bound().ToString();
  auto server = net::http::PageServer::Start(
      loop_, *std::move(listener), {},
      [this](const net::http::PageRequest& request, const net::http::PageServer::Reply& reply) {
        constexpr int kNotFound = 404;
        constexpr int kUnavailable = 503;
        if (request.path == "/livez" || request.path == "/healthz") return reply({.body = "ok\n"});
        if (request.path == "/readyz") {
          // An agent that does not get through is of no use.
          if (queue_.failures() == 0) return reply({.body = "ok\n"});
          return reply({.status = kUnavailable, .body = "the collector takes no reports\n"});
        }
        if (request.path != "/metrics") return reply({.status = kNotFound, .body = "not here\n"});
        reply({.type = std::string(base::kMetricsType), .body = Figures()});
      });
  if (!server) return server.error();
  admin_ = *std::move(server);
  WriteLog(Level::kInfo, "listening", {{"page", "admin"}, {"address", bound}});
  return Ok();
}

std::string AgentService::Figures() const {
  base::MetricsWriter text;
  text.Family("cotter_agent_envelopes_sent_total", "counter", "Envelopes that were taken.");
  text.Sample("", queue_.sent());
  text.Family("cotter_agent_failing", "gauge", "Tries that failed since the last success.");
  text.Sample("", queue_.failures());
  text.Family("cotter_agent_reports_waiting", "gauge", "Servers whose last look is not reported.");
  text.Sample("", queue_.size());
  text.Family("cotter_agent_reports_dropped_total", "counter",
              "Reports that the collector calls wrong.");
  text.Sample("", queue_.dropped());
  text.Family("cotter_looks_total", "counter", "Looks at an address that ended.");
  text.Sample("", rounds_->engine().tally().looks);
  return text.Take() + (options_.more_figures ? options_.more_figures() : std::string());
}

Result<void> AgentService::Serve() {
  auto signals = net::SignalWatch::Start(loop_, {SIGTERM, SIGINT, SIGHUP},
                                         [this](int signal) { OnSignal(signal); });
  if (!signals) return signals.error();
  signals_ = *std::move(signals);
  if (Result<void> opened = OpenPage(); !opened) return opened;
  rounds_->Follow(fleet_);
  tick_.ArmAt(loop_.now() + kTick);
  WriteLog(Level::kInfo, "ready",
           {{"servers", static_cast<std::int64_t>(fleet_.servers().size())},
            {"vantage", config_.vantage}});
  WarnOfUnpinned(fleet_);
  net::NotifyServiceManager("READY=1");
  return Ok();
}

void AgentService::OnTick() {
  Send();
  tick_.ArmAt(loop_.now() + kTick);
}

void AgentService::OnSignal(int signal) {
  if (signal == SIGHUP) return Reload();
  net::NotifyServiceManager("STOPPING=1");
  WriteLog(Level::kInfo, "stopped");
  loop_.Stop();
}

void AgentService::OnPolicy() {
  if (policy_source_ == nullptr) return;
  auto view = PolicyView::Load(config_.policy, config_.environment);
  if (!view) return OnPolicyFailure(view.error());
  if ((*view)->version() != policy_source_->Current()->version()) return;
  fleet_.UsePolicy(*std::move(view));
  WriteLog(Level::kInfo, "policy",
           {{"version", static_cast<std::int64_t>(fleet_.policy()->version())}});
  WarnOfUnpinned(fleet_);
}

void AgentService::OnPolicyFailure(const Error& error) const {
  WriteLog(Level::kError, "policy_failed",
           {{"code", NameOf(error.code)},
            {"message", error.message},
            {"kept_version", static_cast<std::int64_t>(fleet_.policy()->version())}});
}

void AgentService::Reload() {
  net::NotifyServiceManager("RELOADING=1");
  Result<WatchConfig> config = LoadConfig(options_);
  const Result<void> taken = config ? TakeConfig(*std::move(config)) : Result<void>(config.error());
  if (taken) {
    WriteLog(Level::kInfo, "reloaded",
             {{"servers", static_cast<std::int64_t>(fleet_.servers().size())}});
    WarnOfUnpinned(fleet_);
  } else {
    WriteLog(Level::kError, "reload_failed",
             {{"code", NameOf(taken.error().code)}, {"message", taken.error().message}});
  }
  net::NotifyServiceManager("READY=1");
}

// TakeConfig makes everything that can fail before it changes anything.
Result<void> AgentService::TakeConfig(WatchConfig config) {
  if (!config.agent || config.policy != config_.policy || config.vantage != config_.vantage ||
      config.environment != config_.environment ||
      config.agent->key_file != config_.agent->key_file ||
      !config.probe.IsOneEngine(config_.probe)) {
    return Error{Code::kUsage,
                 "vantage, key, the policy's path, and [probe] but for its timeout are taken at a "
                 "start alone"};
  }
  auto roots = Roots::Load(config.trust);
  if (!roots) return roots.error();
  if (Result<void> refreshed = policy_source_->Refresh(); !refreshed) return refreshed;
  auto view = PolicyView::Load(config.policy, config.environment);
  if (!view) return view.error();
  WatchConfig before = std::exchange(config_, std::move(config));
  if (Result<void> connected = Connect(); !connected) {
    config_ = std::move(before);
    return connected;
  }
  roots_ = *std::move(roots);
  fleet_ = Fleet::Make(config_, *std::move(view), roots_, std::move(fleet_));
  queue_.Keep([this](const std::string& name) { return fleet_.Find(name) != nullptr; });
  rounds_->Follow(fleet_);
  if (before.admin != config_.admin) return OpenPage();
  return Ok();
}

// NextSequence grows within a process and, as long as the clock does, across them.
std::uint64_t AgentService::NextSequence() {
  const auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(base::Now().unix_seconds, 0));
  sequence_ = std::max(sequence_ + 1, now * kMilli);
  return sequence_;
}

void AgentService::Send() {
  if (worker_->is_busy()) return;
  const std::optional<std::string> json = queue_.Next(std::chrono::steady_clock::now());
  if (!json) return;
  Result<std::string> envelope = Seal(config_.vantage, NextSequence(), base::Now(), *json, *key_);
  if (!envelope) return OnAnswer({}, envelope.error().message);
  // The worker's thread writes it, and has ended when this one reads it.
  auto said = std::make_shared<Said>();
  worker_->Run([client = *client_, url = config_.agent->collector, text = *std::move(envelope),
                said] { return Post(client, url, text, *said); },
               [this, said](const Result<void>& sent) {
                 if (!sent) said->text = sent.error().message;
                 OnAnswer(said->answer, said->text);
               });
}

void AgentService::OnAnswer(const Answer& answer, const std::string& said) {
  const bool was_failing = queue_.failures() != 0;
  const bool had_stopped = queue_.has_stopped();
  const ReportQueue::Outcome outcome = queue_.Answered(answer, std::chrono::steady_clock::now());
  if (outcome.dropped) {
    WriteLog(Level::kError, "report_dropped", {{"target", *outcome.dropped}, {"message", said}});
  }
  if (queue_.has_stopped() && !had_stopped) {
    return WriteLog(Level::kError, "reports_stopped",
                    {{"message", said}, {"hint", "nothing is sent until a reload or a start"}});
  }
  const bool is_failing = queue_.failures() != 0;
  if (was_failing && !is_failing) WriteLog(Level::kInfo, "reports_taken");
  if (!was_failing && is_failing) {
    WriteLog(Level::kError, "reports_not_taken", {{"message", said}});
  }
  // What waits longer than one envelope goes at once, and so do the parts of one that was refused.
  if (!is_failing) Send();
}

}  // namespace cotter::watch
