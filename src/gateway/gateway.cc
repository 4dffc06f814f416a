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
#include "base/name_list.h"
#include "gateway/connect_session.h"
#include "gateway/enforcement.h"
#include "gateway/http_fields.h"
#include "gateway/http_session.h"
#include "gateway/memory_reserve.h"
#include "gateway/metrics.h"
#include "gateway/policy_switch.h"
#include "gateway/route_table.h"
#include "gateway/tcp_session.h"
#include "net/async/signals.h"
#include "net/http/page_server.h"
#include "net/service_manager.h"

namespace cotter::gateway {
namespace {

using base::Level;
using base::WriteLog;

// Microseconds is `time` as the service manager counts it (sd_notify(3)).
std::int64_t Microseconds(net::MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

// Load reads the configuration as far as it needs nothing else.
Result<GatewayConfig> Load(const GatewayOptions& options) {
  Result<GatewayConfig> config = LoadConfig(options.config_file);
  if (!config) return config;
  if (config->policy.empty() && !options.remote) {
    return Error{Code::kPolicyInvalid,
                 options.config_file + ": [gateway] expected policy, the path of a policy"};
  }
  return config;
}

class Gateway {
 public:
  Gateway(net::EventLoop& loop, GatewayConfig config, const GatewayOptions& options)
      : config_(std::move(config)),
        options_(options),
        context_(loop),
        counters_(report::MakeCounters()),
        routes_(
            context_, sessions_,
            [this](const auto& where, unsigned permissions) { return Listen(where, permissions); },
            [this](Route& route, net::Socket client) { Accept(route, std::move(client)); }),
        sessions_(context_),
        drain_timer_(loop.timers(), [this] { OnDrainTimer(); }) {
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
  using Admin = std::unique_ptr<net::http::PageServer>;

  Result<Admin> OpenAdmin(const GatewayConfig& config);
  Result<net::Listener> Listen(const net::ListenAddress& where, unsigned permissions);
  Result<Followed> Follow(const GatewayConfig& config);
  void TakeSettings(const GatewayConfig& config);
  void OnPolicy();
  void WarnOfUnpinned() const;
  void OnPolicyFailure(const std::string& step, const Error& error);
  void Accept(Route& route, net::Socket client);
  void EaseMemory();
  void EndConnections();
  void OnSignal(int signal);
  void Obey(int signal);
  void Reload();
  Result<void> ReadAgain();
  Result<void> ReadPolicyAgain(const GatewayConfig& config);
  void Drain();
  void WatchDrain();
  void OnDrainTimer();
  void StopNow();
  net::http::Page Find(std::string_view path) const;

  GatewayConfig config_;
  GatewayOptions options_;
  Context context_;
  std::shared_ptr<report::Counters> counters_;
  GatewayFigures figures_;
  RouteTable routes_;
  SessionSet sessions_;
  Admin admin_;
  std::unique_ptr<net::SignalWatch> signals_;
  Followed followed_;
  std::uint64_t followed_number_ = 0;  // grows when another policy is followed
  std::shared_ptr<PolicySwitch> policy_;
  std::shared_ptr<void> subscription_;
  MemoryReserve reserve_;
  net::MonotonicTime memory_told_{};
  net::Timer drain_timer_;
  net::MonotonicTime drain_end_{};
  bool is_drain_watched_ = false;
};

Result<void> Gateway::Start() {
  base::RaiseDescriptorLimit();
  // Before there are other threads, so that none of them gets a signal.
  auto signals = net::SignalWatch::Start(context_.loop, {SIGTERM, SIGINT, SIGHUP},
                                         [this](int signal) { OnSignal(signal); });
  if (!signals) return signals.error();
  signals_ = *std::move(signals);
  Result<Followed> followed = Follow(config_);
  if (!followed) return followed.error();
  followed_ = *std::move(followed);
  ++followed_number_;
  policy_ = std::make_shared<PolicySwitch>(followed_.source);
  net::EventLoop& loop = context_.loop;
  subscription_ = policy_->Subscribe([this, &loop] { loop.Post([this] { OnPolicy(); }); });
  auto enforcement = Enforce(config_, policy_, counters_);
  if (!enforcement) return enforcement.error();
  context_.enforcement = *std::move(enforcement);
  TakeSettings(config_);
  context_.loop.AfterEach([this] { EaseMemory(); });
  Result<RouteChange> routes = routes_.Prepare(config_.routes);
  if (!routes) return routes.error();
  Result<Admin> admin = OpenAdmin(config_);
  if (!admin) return admin.error();
  routes_.Commit(*std::move(routes));
  admin_ = *std::move(admin);
  WriteLog(Level::kInfo, "ready",
           {{"policy", options_.remote ? options_.remote->remotes.front() : config_.policy},
            {"policy_version", static_cast<std::int64_t>(figures_.policy_version)},
            {"config", EncodeHex(config_.digest.bytes)}});
  WarnOfUnpinned();
  net::NotifyServiceManager("READY=1");
  return Ok();
}

void Gateway::WarnOfUnpinned() const {
  constexpr std::size_t kMostNamed = 20;
  const std::vector<std::string> unpinned = UnpinnedUpstreams(config_, *policy_->Current());
  if (unpinned.empty()) return;
  const bool refused = policy_->Current()->unlisted() == Unlisted::kRefuse;
  WriteLog(Level::kWarning, "upstreams_without_pins",
           {{"count", static_cast<std::int64_t>(unpinned.size())},
            {"upstreams", base::NameList(unpinned, kMostNamed)},
            {"message", refused ? "no rule of the policy is for them: they are refused"
                                : "no rule of the policy is for them: PKI decides alone there"}});
}

// The policy has a thread of its own, which may outlive the gateway by a call: it reaches the loop
// alone, which outlives both. What one that is no longer followed says does not count.
Result<Followed> Gateway::Follow(const GatewayConfig& config) {
  net::EventLoop& loop = context_.loop;
  const std::uint64_t number = followed_number_ + 1;
  return FollowPolicy(config, options_.remote,
                      [this, &loop, number](const std::string& step, const Error& error) {
                        loop.Post([this, number, step, error] {
                          if (number == followed_number_) OnPolicyFailure(step, error);
                        });
                      });
}

// TakeSettings puts what needs no preparation into force.
void Gateway::TakeSettings(const GatewayConfig& config) {
  context_.limits = config.limits;
  context_.timeouts = config.timeouts;
  context_.log_connections = config.log_connections;
  figures_.config = config.digest;
  figures_.policy_version = policy_->Current()->version();
  figures_.last_reload_success_seconds = base::Now().unix_seconds;
}

void Gateway::OnPolicy() {
  figures_.policy_version = policy_->Current()->version();
  figures_.last_reload_success_seconds = base::Now().unix_seconds;
  routes_.DropStale();
  WriteLog(Level::kInfo, "policy",
           {{"version", static_cast<std::int64_t>(figures_.policy_version)}});
  WarnOfUnpinned();
}

// A repository that is out of reach is no news of the policy: what it said is in force.
void Gateway::OnPolicyFailure(const std::string& step, const Error& error) {
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
  if (options_.reach == Reach::kThisMachine && !listener->IsPrivate()) {
    return Error{Code::kUsage, where.ToString() +
                                   ": other machines could reach this address, and what they send "
                                   "is not encrypted; --insecure-listen-anywhere allows it"};
  }
  return listener;
}

Result<Gateway::Admin> Gateway::OpenAdmin(const GatewayConfig& config) {
  if (!config.admin) return Admin();
  constexpr unsigned kOwnerAlone = 0600;
  Result<net::Listener> listener = Listen(*config.admin, kOwnerAlone);
  if (!listener) return listener.error();
  const net::ListenAddress bound = listener->bound();
  const bool is_private = listener->IsPrivate();
  const net::http::PageLimits limits{.receive = config.timeouts.header,
                                     .send = config.timeouts.header};
  auto server = net::http::PageServer::Start(
      context_.loop, *std::move(listener), limits,
      [this, bound, is_private](const net::http::PageRequest& request,
                                const net::http::PageServer::Reply& reply) {
        // A page in a browser of this machine whose name was made to lead here has another name.
        if (is_private && !IsNameOf(request.host, bound)) {
          return reply({.status = 421, .body = "this is localhost, or the address\n"});
        }
        reply(Find(request.path));
      });
  if (!server) return server.error();
  WriteLog(Level::kInfo, "listening", {{"route", "admin"}, {"address", bound.ToString()}});
  return server;
}

// EaseMemory ends connections until there is memory to go on: those that wait for a request first,
// whose clients have nothing to lose, then the newest.
void Gateway::EaseMemory() {
  if (!reserve_.is_spent()) return;
  try {
    EndConnections();
  } catch (const std::bad_alloc&) {
    return;  // the next handler's end is soon enough
  }
}

void Gateway::EndConnections() {
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
    ++route.counters->refused_clients;
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
  try {
    return Obey(signal);
  } catch (const std::bad_alloc&) {
    EaseMemory();
  }
  // An end is tried again until there is memory for it, another configuration is not.
  if (signal != SIGHUP) return drain_timer_.ArmAt(context_.loop.now());
  figures_.config_read = false;
  net::NotifyServiceManager("READY=1");
  try {
    WriteLog(Level::kError, "reload_failed", {{"message", "there is no memory for it"}});
  } catch (const std::bad_alloc&) {
    return;  // the metrics say it
  }
}

void Gateway::Obey(int signal) {
  if (signal == SIGHUP) return Reload();
  // Asked twice: somebody does not want to wait.
  if (is_drain_watched_) return StopNow();
  Drain();
}

void Gateway::OnDrainTimer() {
  try {
    if (is_drain_watched_) return WatchDrain();
    Drain();
  } catch (const std::bad_alloc&) {
    drain_timer_.ArmAt(context_.loop.now() + net::TimerWheel::kTick);
  }
}

void Gateway::Reload() {
  // What is being drained has been decided.
  if (context_.draining) return;
  net::NotifyServiceManager("RELOADING=1\nMONOTONIC_USEC=" +
                            std::to_string(Microseconds(context_.loop.now())));
  const Result<void> read = ReadAgain();
  net::NotifyServiceManager("READY=1");
  figures_.config_read = read.has_value();
  routes_.DropStale();
  if (read) {
    WriteLog(Level::kInfo, "reloaded",
             {{"policy_version", static_cast<std::int64_t>(figures_.policy_version)},
              {"config", EncodeHex(config_.digest.bytes)}});
    WarnOfUnpinned();
  } else {
    WriteLog(Level::kError, "reload_failed",
             {{"code", NameOf(read.error().code)},
              {"message", read.error().message},
              {"kept_config", EncodeHex(config_.digest.bytes)}});
  }
}

// ReadAgain opens all that the configuration needs as it stands now, the policy last, because that
// cannot be taken back; from there on nothing fails, and all of it comes into force.
Result<void> Gateway::ReadAgain() {
  Result<GatewayConfig> config = Load(options_);
  if (!config) return config.error();
  auto enforcement = Enforce(*config, policy_, counters_);
  if (!enforcement) return enforcement.error();
  Result<RouteChange> routes = routes_.Prepare(config->routes);
  if (!routes) return routes.error();
  const bool same_admin = config->admin == config_.admin;
  Result<Admin> admin = same_admin ? Admin() : OpenAdmin(*config);
  if (!admin) return admin.error();
  if (Result<void> read = ReadPolicyAgain(*config); !read) return read;
  // What follows is done whole.
  if (reserve_.is_spent() && !reserve_.Refill()) throw std::bad_alloc();
  TakeSettings(*config);
  context_.enforcement = *std::move(enforcement);
  routes_.Commit(*std::move(routes));
  if (!same_admin) admin_ = *std::move(admin);
  config_ = *std::move(config);
  sessions_.CheckTrustOfAll();
  return Ok();
}

Result<void> Gateway::ReadPolicyAgain(const GatewayConfig& config) {
  const bool same = config.policy == config_.policy && config.environment == config_.environment;
  if (followed_.remote) {
    if (!same) {
      return Error{Code::kUsage, options_.config_file +
                                     ": policy and environment are those of the start where a "
                                     "repository is followed; another one needs a restart"};
    }
    followed_.remote->PollSoon();
    return Ok();
  }
  if (same) return followed_.file->Refresh();
  Result<Followed> next = Follow(config);
  if (!next) return next.error();
  followed_ = *std::move(next);
  ++followed_number_;
  policy_->Follow(followed_.source);
  return Ok();
}

void Gateway::Drain() {
  context_.draining = true;
  net::NotifyServiceManager("STOPPING=1");
  WriteLog(Level::kInfo, "draining", {{"clients", static_cast<std::int64_t>(sessions_.size())}});
  routes_.StopAccepting();
  routes_.DropStale();
  sessions_.DrainAll();
  drain_end_ = context_.loop.now() + config_.timeouts.drain;
  is_drain_watched_ = true;
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
    figures.emergency_end = policy_->Current()->NextEnd(base::Now());
    figures.policy_read = !followed_.file || !followed_.file->LastFailure();
    figures.retired_clients = routes_.RetiredClients();
    std::string text = MetricsText(routes_.All(), figures, *counters_);
    if (followed_.remote) text += followed_.remote->MetricsText();
    return {.type = std::string(base::kMetricsType), .body = std::move(text)};
  }
  return {.status = 404, .body = "there are /livez, /readyz and /metrics\n"};
}

}  // namespace

Result<GatewayConfig> Check(const GatewayOptions& options) {
  Result<GatewayConfig> config = Load(options);
  if (!config) return config;
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
