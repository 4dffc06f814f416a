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

// Looks for /probe at once, and who may wait for each.
constexpr std::size_t kMostProbes = 64;
constexpr std::size_t kMostProbesOfOne = 64;

}  // namespace

// OpenPages opens those that `config` has and that are not open already.
Result<Watcher::Pages> Watcher::OpenPages(const WatchConfig& config) {
  Pages pages{
      .admin_stays = admin_ != nullptr && config.admin == config_.admin,
      .collector_stays = collector_page_ != nullptr && config.collector == config_.collector,
      .admin = nullptr,
      .collector = nullptr};
  if (config.admin && !pages.admin_stays) {
    auto opened = Listen(
        *config.admin, "admin", {},
        [this](const PageRequest& request, const Reply& reply) { ServePage(request, reply); });
    if (!opened) return opened.error();
    pages.admin = *std::move(opened);
  }
  if (config.collector && !pages.collector_stays) {
    auto opened = Listen(
        *config.collector, "collector", {.body = kMaxEnvelope},
        [this](const PageRequest& request, const Reply& reply) { ServeCollector(request, reply); });
    if (!opened) return opened.error();
    pages.collector = *std::move(opened);
  }
  return pages;
}

void Watcher::UsePages(Pages pages) {
  if (!pages.admin_stays) admin_ = std::move(pages.admin);
  if (!pages.collector_stays) collector_page_ = std::move(pages.collector);
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
  AskProbe(net::FormatTarget(*target), {.target = *target, .settings = std::move(settings)}, reply);
}

// AskProbe joins questions for the same server: a look costs the same for whoever waits for it.
void Watcher::AskProbe(const std::string& name, probe::Question question, const Reply& reply) {
  const auto known = probes_.find(name);
  const bool is_full = known == probes_.end() ? probes_.size() >= kMostProbes
                                              : known->second->size() >= kMostProbesOfOne;
  if (is_full) return reply({.status = kUnavailable, .body = "too many probes at once\n"});
  if (known != probes_.end()) return known->second->push_back(reply);
  auto waiting = std::make_shared<std::vector<Reply>>(1, reply);
  probes_[name] = waiting;
  const auto begun = std::chrono::steady_clock::now();
  rounds_->Ask(std::move(question), [this, name, waiting, begun](const probe::HostFacts& host) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    const auto at = probes_.find(name);
    if (at != probes_.end() && at->second == waiting) probes_.erase(at);
    const std::string text = ProbeText(FactsOf(host, *fleet_.policy()), took.count());
    for (const Reply& one : *waiting) {
      one({.type = std::string(base::kMetricsType), .body = text});
    }
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
