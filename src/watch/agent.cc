// SPDX-License-Identifier: Apache-2.0
#include "watch/agent.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

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

// Post sends one envelope and waits for the answer.
Result<void> Post(const client::Client& client, const std::string& url,
                  const std::string& envelope) {
  client::Request request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.body = envelope;
  request.max_redirects = 0;
  const Result<client::Response> response = client.Send(std::move(request));
  if (!response) return response.error();
  constexpr int kOk = 200;
  if (response->status == kOk) return Ok();
  std::string said = response->body.substr(0, response->body.find('\n'));
  return Error{Code::kHttpFailed,
               "the collector answered " + std::to_string(response->status) + ": " + said};
}

}  // namespace

AgentService::AgentService(net::EventLoop& loop, WatchOptions options)
    : loop_(loop), options_(std::move(options)), tick_(loop.timers(), [this] { OnTick(); }) {}

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
  auto followed = WatchedPolicy::Open(
      {.path = config_.policy, .environment = config_.environment, .on_failure = {}});
  if (!followed) return followed.error();
  policy_source_ = *std::move(followed);
  subscription_ = policy_source_->Subscribe([this, &loop] { loop.Post([this] { OnPolicy(); }); });
  auto view = PolicyView::Load(config_.policy, config_.environment);
  if (!view) return view.error();
  const Result<Carriers> carriers = MakeCarriers(config_.delivery);
  if (!carriers) return carriers.error();
  Result<client::Client> client = carriers->make_client(kSendTimeout);
  if (!client) return client.error();
  client_ = *std::move(client);
  worker_ = std::make_unique<Worker>(loop_);
  auto rounds =
      Rounds::Create(loop_, config_.probe, [this](Server& server, const probe::HostFacts& host) {
        if (server.role == Role::kServed) reports_[server.name] = FactsOf(host, *fleet_.policy());
      });
  if (!rounds) return rounds.error();
  rounds_ = *std::move(rounds);
  fleet_ = Fleet::Make(config_, *std::move(view), roots_, {});
  return Ok();
}

Result<void> AgentService::OpenPage() {
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
          if (failures_ == 0) return reply({.body = "ok\n"});
          return reply({.status = kUnavailable, .body = "the collector takes no reports\n"});
        }
        if (request.path != "/metrics") return reply({.status = kNotFound, .body = "not here\n"});
        base::MetricsWriter text;
        text.Family("cotter_agent_envelopes_sent_total", "counter", "Envelopes that were taken.");
        text.Sample("", sent_);
        text.Family("cotter_agent_failing", "gauge", "Tries that failed since the last success.");
        text.Sample("", failures_);
        text.Family("cotter_looks_total", "counter", "Looks at an address that ended.");
        text.Sample("", rounds_->engine().tally().looks);
        reply({.type = std::string(base::kMetricsType), .body = text.Take()});
      });
  if (!server) return server.error();
  admin_ = *std::move(server);
  WriteLog(Level::kInfo, "listening", {{"page", "admin"}, {"address", bound}});
  return Ok();
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
  if (!view || (*view)->version() != policy_source_->Current()->version()) return;
  fleet_.UsePolicy(*std::move(view));
}

void AgentService::Reload() {
  Result<WatchConfig> config = LoadConfig(options_);
  Result<void> good = config ? policy_source_->Refresh() : Result<void>(config.error());
  if (good && (!config->agent || config->policy != config_.policy ||
               config->agent->key_file != config_.agent->key_file)) {
    good = Error{Code::kUsage, "the policy's path and the key are taken at a start alone"};
  }
  auto view = PolicyView::Load(config_.policy, config_.environment);
  if (good && !view) good = view.error();
  if (!good) {
    return WriteLog(Level::kError, "reload_failed",
                    {{"code", NameOf(good.error().code)}, {"message", good.error().message}});
  }
  config_ = *std::move(config);
  fleet_ = Fleet::Make(config_, *std::move(view), roots_, std::move(fleet_));
  rounds_->Follow(fleet_);
  WriteLog(Level::kInfo, "reloaded",
           {{"servers", static_cast<std::int64_t>(fleet_.servers().size())}});
}

// NextSequence grows within a process and, as long as the clock does, across them.
std::uint64_t AgentService::NextSequence() {
  const auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(base::Now().unix_seconds, 0));
  sequence_ = std::max(sequence_ + 1, now * kMilli);
  return sequence_;
}

void AgentService::Send() {
  const auto now = std::chrono::steady_clock::now();
  if (worker_->is_busy() || now < due_ || reports_.empty()) return;
  const std::string json = FormatBatch(reports_, sending_);
  Result<std::string> envelope = Seal(config_.vantage, NextSequence(), base::Now(), json, *key_);
  if (!envelope) return OnSent(envelope.error());
  worker_->Run([client = *client_, url = config_.agent->collector,
                text = *std::move(envelope)] { return Post(client, url, text); },
               [this](const Result<void>& sent) { OnSent(sent); });
}

void AgentService::OnSent(const Result<void>& sent) {
  if (sent) {
    if (failures_ != 0) WriteLog(Level::kInfo, "reports_taken");
    failures_ = 0;
    ++sent_;
    sending_.clear();
    if (!reports_.empty()) Send();
    return;
  }
  if (failures_ == 0) {
    WriteLog(Level::kError, "reports_not_taken",
             {{"code", NameOf(sent.error().code)}, {"message", sent.error().message}});
  }
  ++failures_;
  // Newer looks at the same servers stay.
  reports_.merge(sending_);
  sending_.clear();
  constexpr std::uint64_t kDoublings = 5;
  due_ = std::chrono::steady_clock::now() + seconds(1 << std::min(failures_, kDoublings));
}

}  // namespace cotter::watch
