// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/clock.h"
#include "base/idna.h"
#include "base/log.h"
#include "base/metrics_writer.h"
#include "watch/observe.h"
#include "watch/watcher.h"

namespace cotter::watch {
namespace {

using base::Level;
using base::WriteLog;
using net::http::Page;
using net::http::PageRequest;
using net::http::PageServer;

constexpr int kNotFound = 404;
constexpr int kForbidden = 403;
constexpr int kBadRequest = 400;
constexpr int kUnavailable = 503;

}  // namespace

Result<void> Watcher::OpenPages() {
  admin_.reset();
  collector_page_.reset();
  if (config_.admin) {
    auto opened = Listen(
        *config_.admin, "admin", {},
        [this](const PageRequest& request, const Reply& reply) { ServePage(request, reply); });
    if (!opened) return opened.error();
    admin_ = *std::move(opened);
  }
  if (config_.collector) {
    auto opened = Listen(
        *config_.collector, "collector", {.body = kMaxEnvelope},
        [this](const PageRequest& request, const Reply& reply) { ServeCollector(request, reply); });
    if (!opened) return opened.error();
    collector_page_ = *std::move(opened);
  }
  return Ok();
}

Result<std::unique_ptr<PageServer>> Watcher::Listen(const net::ListenAddress& where,
                                                    std::string_view what,
                                                    net::http::PageLimits limits,
                                                    PageServer::Serve serve) {
  constexpr unsigned kOwnerAlone = 0600;
  Result<net::Listener> listener = net::Listener::Listen(where, kOwnerAlone);
  if (!listener) return listener.error();
  if (options_.reach == Reach::kThisMachine && !listener->IsPrivate()) {
    return Error{Code::kUsage, where.ToString() +
                                   ": other machines could reach this address, and nothing is "
                                   "encrypted; --insecure-listen-anywhere allows it"};
  }
  const std::string bound = listener->bound().ToString();
  auto server = PageServer::Start(loop_, *std::move(listener), limits, std::move(serve));
  if (server) WriteLog(Level::kInfo, "listening", {{"page", what}, {"address", bound}});
  return server;
}

void Watcher::ServePage(const PageRequest& request, const Reply& reply) {
  if (request.path == "/livez" || request.path == "/healthz") return reply({.body = "ok\n"});
  if (request.path == "/readyz") {
    if (stopping_) return reply({.status = kUnavailable, .body = "stopping\n"});
    return reply({.body = "ok\n"});
  }
  if (request.path == "/metrics") {
    return reply({.type = std::string(base::kMetricsType),
                  .body = MetricsText(fleet_, Figures(), rounds_->engine().tally(), book_,
                                      dispatcher_->Facts(), collector_, *failures_, moment_) +
                          (options_.more_figures ? options_.more_figures() : std::string())});
  }
  if (request.path == "/probe") return ServeProbe(request.query, reply);
  reply(
      {.status = kNotFound, .body = "there are /livez, /readyz, /healthz, /metrics and /probe\n"});
}

// ServeProbe looks at a server that is watched anyway; at others only where that is allowed, or it
// would be a way to look at every port that this machine reaches.
void Watcher::ServeProbe(const std::string& query, const Reply& reply) {
  constexpr std::uint16_t kHttps = 443;
  const Result<net::Target> target = net::ParseTarget(TargetOf(query), kHttps, &base::Idna());
  if (!target) return reply({.status = kBadRequest, .body = "expected /probe?target=HOST:PORT\n"});
  std::shared_ptr<const probe::Settings> settings;
  if (const Server* const server = fleet_.Find(net::FormatTarget(*target)); server != nullptr) {
    settings = server->group->settings;
  } else if (config_.insecure_probe_any && !fleet_.servers().empty()) {
    auto open = std::make_shared<probe::Settings>(*fleet_.servers().front()->group->settings);
    open->connect = {};
    settings = std::move(open);
  } else {
    return reply({.status = kForbidden, .body = "this target is not watched here\n"});
  }
  const auto begun = std::chrono::steady_clock::now();
  rounds_->Ask({.target = *target, .settings = std::move(settings)},
               [this, reply, begun](const probe::HostFacts& host) {
                 const std::chrono::duration<double> took =
                     std::chrono::steady_clock::now() - begun;
                 reply({.type = std::string(base::kMetricsType),
                        .body = ProbeText(FactsOf(host, *fleet_.policy()), took.count())});
               });
}

void Watcher::ServeCollector(const PageRequest& request, const Reply& reply) {
  if (request.path != "/v1/observations" || request.method != "POST") {
    return reply({.status = kNotFound, .body = "agents POST to /v1/observations\n"});
  }
  moment_ = Now();
  Collector::Refusal refusal;
  auto taken = collector_.Take(request.body, moment_.steady, moment_.wall, refusal);
  if (!taken) {
    WriteLog(Level::kWarning, "report_refused", {{"message", refusal.why}});
    return reply({.status = refusal.status, .body = refusal.why + "\n"});
  }
  for (ServerFacts& facts : taken->reports) {
    Server* const server = fleet_.Find(facts.target);
    if (server == nullptr) continue;  // an agent may watch more than its collector
    server->remote[taken->name] = {std::move(facts), moment_.steady};
    Evaluate(*server, moment_);
  }
  state_->PutSequence(taken->name, taken->sequence);
  // What is acknowledged is on disk: its number is never taken again.
  const Result<void> written = state_->Commit(moment_.wall);
  if (!written) return reply({.status = kUnavailable, .body = written.error().message + "\n"});
  reply({.body = "ok\n"});
}

OwnFigures Watcher::Figures() const {
  OwnFigures own;
  own.vantage = config_.vantage;
  own.policy_version = fleet_.policy()->version();
  own.last_reload_successful = reload_good_;
  own.last_reload_success_seconds = reloaded_.unix_seconds;
  own.start_seconds = started_.unix_seconds;
  own.store_writable = state_->is_writable();
  std::error_code failure;
  const auto space = std::filesystem::space(config_.state, failure);
  if (!failure) own.store_free_bytes = space.available;
  own.clock_jumps = clock_->jumps();
  own.clock_in_doubt = moment_.trust == ClockTrust::kInDoubt;
  own.pending = rounds_->engine().pending();
  own.open = rounds_->engine().open();
  return own;
}

}  // namespace cotter::watch
