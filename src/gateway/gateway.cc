// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway.h"

#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/descriptor_limit.h"
#include "base/log.h"
#include "base/metrics_writer.h"
#include "gateway/connect_session.h"
#include "gateway/enforcement.h"
#include "gateway/http_session.h"
#include "gateway/memory_reserve.h"
#include "gateway/metrics.h"
#include "gateway/tcp_session.h"
#include "net/async/signals.h"
#include "net/http/page_server.h"
#include "net/service_manager.h"

namespace cotter::gateway {
namespace {

using base::Level;
using base::WriteLog;

Result<net::TlsContext> TlsContextOf(const RouteConfig& route) {
  return net::TlsContext::Create({.alpn = route.mode == RouteMode::kHttp ? "http/1.1" : "",
                                  .certificate = route.certificate,
                                  .key = route.key});
}

class Gateway {
 public:
  Gateway(net::EventLoop& loop, GatewayConfig config, const GatewayOptions& options)
      : config_(std::move(config)),
        reach_(options.reach),
        remote_(options.remote),
        context_(loop),
        counters_(report::MakeCounters()),
        sessions_(context_),
        drain_timer_(loop.timers(), [this] { WatchDrain(); }) {
    context_.limits = config_.limits;
    context_.timeouts = config_.timeouts;
    context_.log_connections = config_.log_connections;
    figures_.start_seconds = base::Now().unix_seconds;
  }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway() {
    context_.loop.AfterEach(nullptr);
    sessions_.AbortAll();
    // They give their memory back to a pool that ends here.
    context_.loop.Settle();
  }

  Result<void> Start();

 private:
  Result<void> OpenRoutes();
  Result<void> OpenAdmin();
  Result<net::Listener> Listen(const net::ListenAddress& where, unsigned permissions);
  Result<void> FollowRules();
  Result<void> EnforceTrust();
  void OnPolicy();
  void OnPolicyFailure(const std::string& step, const Error& error);
  void Accept(Route& route, net::Socket client);
  void EaseMemory();
  void OnSignal(int signal);
  void Reload();
  void Drain();
  void WatchDrain();
  void StopNow();
  net::http::Page Find(std::string_view path) const;

  GatewayConfig config_;
  Reach reach_;
  std::optional<update::RemoteOptions> remote_;
  Context context_;
  std::shared_ptr<report::Counters> counters_;
  GatewayFigures figures_;
  std::vector<std::unique_ptr<Route>> routes_;
  SessionSet sessions_;
  std::unique_ptr<net::http::PageServer> admin_;
  std::unique_ptr<net::SignalWatch> signals_;
  Followed policy_;
  std::shared_ptr<void> subscription_;
  MemoryReserve reserve_;
  net::MonotonicTime memory_told_{};
  net::Timer drain_timer_;
  net::MonotonicTime drain_end_{};
};

Result<void> Gateway::Start() {
  base::RaiseDescriptorLimit();
  // Before there are other threads, so that none of them gets a signal.
  auto signals = net::SignalWatch::Start(context_.loop, {SIGTERM, SIGINT, SIGHUP},
                                         [this](int signal) { OnSignal(signal); });
  if (!signals) return signals.error();
  signals_ = *std::move(signals);
  if (Result<void> followed = FollowRules(); !followed) return followed;
  context_.loop.AfterEach([this] { EaseMemory(); });
  if (Result<void> opened = OpenRoutes(); !opened) return opened;
  if (Result<void> opened = OpenAdmin(); !opened) return opened;
  WriteLog(Level::kInfo, "ready",
           {{"policy", remote_ ? remote_->remotes.front() : config_.policy},
            {"policy_version", static_cast<std::int64_t>(figures_.policy_version)}});
  net::NotifyServiceManager("READY=1");
  return Ok();
}

// The policy has a thread of its own, which may outlive the gateway by a call: it reaches the loop
// alone, which outlives both.
Result<void> Gateway::FollowRules() {
  net::EventLoop& loop = context_.loop;
  auto followed =
      FollowPolicy(config_, remote_, [this, &loop](const std::string& step, const Error& error) {
        loop.Post([this, step, error] { OnPolicyFailure(step, error); });
      });
  if (!followed) return followed.error();
  policy_ = *std::move(followed);
  subscription_ = policy_.source->Subscribe([this, &loop] { loop.Post([this] { OnPolicy(); }); });
  if (Result<void> enforced = EnforceTrust(); !enforced) return enforced;
  figures_.policy_version = policy_.source->Current()->version();
  figures_.last_reload_success_seconds = base::Now().unix_seconds;
  return Ok();
}

Result<void> Gateway::EnforceTrust() {
  Result<tls::Enforcer> enforcer = MakeEnforcer(config_, policy_.source, counters_);
  if (!enforcer) return enforcer.error();
  context_.enforcement = std::make_shared<const Enforcement>(Enforcement{*std::move(enforcer)});
  return Ok();
}

void Gateway::OnPolicy() {
  figures_.policy_version = policy_.source->Current()->version();
  figures_.last_reload_success_seconds = base::Now().unix_seconds;
  figures_.last_reload_successful = true;
  for (const auto& route : routes_) {
    if (route->upstream != nullptr) route->upstream->DropStale();
  }
  WriteLog(Level::kInfo, "policy",
           {{"version", static_cast<std::int64_t>(figures_.policy_version)}});
}

// A repository that is out of reach is no news of the policy: what it said is in force.
void Gateway::OnPolicyFailure(const std::string& step, const Error& error) {
  if (step.empty()) figures_.last_reload_successful = false;
  const auto kept = static_cast<std::int64_t>(figures_.policy_version);
  const base::LogField code{"code", NameOf(error.code)};
  const base::LogField message{"message", error.message};
  if (step.empty()) {
    WriteLog(Level::kError, "policy_failed", {code, message, {"kept_version", kept}});
  } else {
    WriteLog(Level::kError, "update_rejected",
             {{"step", step}, code, message, {"kept_version", kept}});
  }
}

Result<net::Listener> Gateway::Listen(const net::ListenAddress& where, unsigned permissions) {
  Result<net::Listener> listener = net::Listener::Listen(where, permissions);
  if (!listener) return listener.error();
  if (reach_ == Reach::kThisMachine && !listener->IsPrivate()) {
    return Error{Code::kUsage, where.ToString() +
                                   ": other machines could reach this address, and what they send "
                                   "is not encrypted; --insecure-listen-anywhere allows it"};
  }
  return listener;
}

Result<void> Gateway::OpenRoutes() {
  for (RouteConfig& config : config_.routes) {
    routes_.push_back(std::make_unique<Route>(config));
    Route& route = *routes_.back();
    if (route.config.upstream) {
      Result<net::TlsContext> tls = TlsContextOf(route.config);
      if (!tls) return tls.error();
      route.upstream =
          std::make_unique<Upstream>(context_, route.config, route.counters, *std::move(tls));
    }
    Result<net::Listener> listener = Listen(route.config.listen, route.config.permissions);
    if (!listener) return listener.error();
    const std::string bound = listener->bound().ToString();
    auto acceptor = net::Acceptor::Start(
        context_.loop, *std::move(listener),
        [this, &route](net::Socket client) { Accept(route, std::move(client)); });
    if (!acceptor) return acceptor.error();
    route.acceptor = *std::move(acceptor);
    WriteLog(Level::kInfo, "listening", {{"route", route.config.name}, {"address", bound}});
  }
  return Ok();
}

Result<void> Gateway::OpenAdmin() {
  if (!config_.admin) return Ok();
  constexpr unsigned kOwnerAlone = 0600;
  Result<net::Listener> listener = Listen(*config_.admin, kOwnerAlone);
  if (!listener) return listener.error();
  const std::string bound = listener->bound().ToString();
  const net::http::PageLimits limits{.receive = config_.timeouts.header,
                                     .send = config_.timeouts.header};
  auto server = net::http::PageServer::Start(
      context_.loop, *std::move(listener), limits,
      [this](const net::http::PageRequest& request, const net::http::PageServer::Reply& reply) {
        reply(Find(request.path));
      });
  if (!server) return server.error();
  admin_ = *std::move(server);
  WriteLog(Level::kInfo, "listening", {{"route", "admin"}, {"address", bound}});
  return Ok();
}

// EaseMemory ends connections until there is memory to go on: those that wait for a request first,
// whose clients have nothing to lose, then the newest.
void Gateway::EaseMemory() {
  if (!reserve_.is_spent()) return;
  const std::size_t before = sessions_.size();
  sessions_.AbortIdle();
  do {
    context_.loop.Settle();
    context_.blocks.Shrink();
  } while (!reserve_.Refill() && sessions_.AbortNewest());
  if (context_.loop.now() < memory_told_ + std::chrono::seconds(1)) return;
  memory_told_ = context_.loop.now();
  WriteLog(Level::kError, "memory_short",
           {{"ended", static_cast<std::int64_t>(before - sessions_.size())}});
}

void Gateway::Accept(Route& route, net::Socket client) {
  if (reserve_.is_spent() || !sessions_.MakeRoom()) {
    ++route.counters.refused_clients;
    return;
  }
  switch (route.config.mode) {
    case RouteMode::kHttp:
      return sessions_.Add(
          std::make_unique<HttpSession>(context_, route, sessions_, std::move(client)));
    case RouteMode::kTcp:
      return sessions_.Add(
          std::make_unique<TcpSession>(context_, route, sessions_, std::move(client)));
    case RouteMode::kConnect:
      return sessions_.Add(
          std::make_unique<ConnectSession>(context_, route, sessions_, std::move(client)));
  }
}

void Gateway::OnSignal(int signal) {
  if (signal == SIGHUP) return Reload();
  // Asked twice: somebody does not want to wait.
  if (context_.draining) return StopNow();
  Drain();
}

void Gateway::Reload() {
  Result<void> read = policy_.file ? policy_.file->Refresh() : Ok();
  if (policy_.remote) policy_.remote->PollSoon();
  if (read) {
    if (policy_.file) OnPolicy();
    read = EnforceTrust();
  }
  figures_.last_reload_successful = read.has_value();
  for (const auto& route : routes_) {
    if (route->upstream != nullptr) route->upstream->DropStale();
  }
  if (read) {
    WriteLog(Level::kInfo, "reloaded",
             {{"policy_version", static_cast<std::int64_t>(figures_.policy_version)}});
  } else {
    WriteLog(Level::kError, "reload_failed",
             {{"code", NameOf(read.error().code)}, {"message", read.error().message}});
  }
}

void Gateway::Drain() {
  context_.draining = true;
  net::NotifyServiceManager("STOPPING=1");
  WriteLog(Level::kInfo, "draining", {{"clients", static_cast<std::int64_t>(sessions_.size())}});
  for (const auto& route : routes_) {
    route->acceptor.reset();
    if (route->upstream != nullptr) route->upstream->DropStale();
  }
  sessions_.DrainAll();
  drain_end_ = context_.loop.now() + config_.timeouts.drain;
  WatchDrain();
}

// WatchDrain stops as soon as nobody is left to be served.
void Gateway::WatchDrain() {
  if (sessions_.size() == 0 || context_.loop.now() >= drain_end_) return StopNow();
  drain_timer_.ArmAt(context_.loop.now() + net::TimerWheel::kTick);
}

void Gateway::StopNow() {
  WriteLog(Level::kInfo, "stopped", {{"clients", static_cast<std::int64_t>(sessions_.size())}});
  context_.loop.Stop();
}

net::http::Page Gateway::Find(std::string_view path) const {
  if (path == "/livez" || path == "/healthz") return {.body = "ok\n"};
  if (path == "/readyz") {
    if (context_.draining) return {.status = 503, .body = "draining\n"};
    return {.body = "ok\n"};
  }
  if (path == "/metrics") {
    GatewayFigures figures = figures_;
    figures.emergency_end = policy_.source->Current()->NextEnd(base::Now());
    std::string text = MetricsText(routes_, figures, *counters_);
    if (policy_.remote) text += policy_.remote->MetricsText();
    return {.type = std::string(base::kMetricsType), .body = std::move(text)};
  }
  return {.status = 404, .body = "there are /livez, /readyz and /metrics\n"};
}

}  // namespace

Result<GatewayConfig> Check(const GatewayOptions& options) {
  Result<GatewayConfig> config = LoadConfig(options.config_file);
  if (!config) return config;
  if (config->policy.empty() && !options.remote) {
    return Error{Code::kPolicyInvalid,
                 options.config_file + ": [gateway] expected policy, the path of a policy"};
  }
  if (const Result<void> sound = CheckRules(*config); !sound) return sound.error();
  for (const RouteConfig& route : config->routes) {
    if (route.mode == RouteMode::kConnect) continue;
    if (const auto tls = TlsContextOf(route); !tls) return tls.error();
  }
  return config;
}

Result<void> Serve(const GatewayOptions& options) {
  Result<GatewayConfig> config = Check(options);
  if (!config) return config.error();
  auto loop = net::EventLoop::Create();
  if (!loop) return loop.error();
  {
    Gateway gateway(**loop, *std::move(config), options);
    if (Result<void> started = gateway.Start(); !started) return started;
    (*loop)->Run();
  }
  return Ok();
}

}  // namespace cotter::gateway
