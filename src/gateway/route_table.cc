// SPDX-License-Identifier: Apache-2.0
#include "gateway/route_table.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"

namespace cotter::gateway {
namespace {

using base::Level;
using base::WriteLog;

// A certificate with its chain, and a key; the files are read by OpenSSL, too.
constexpr std::size_t kMaxIdentitySize = std::size_t{1} << 20;

bool IsSameTarget(const net::Target& a, const net::Target& b) {
  return a.host == b.host && a.port == b.port && a.lookup_name == b.lookup_name;
}

// IsSameServer reports that connections of the one route may serve the other.
bool IsSameServer(const RouteConfig& a, const RouteConfig& b) {
  if (a.mode != b.mode || a.upstream.has_value() != b.upstream.has_value()) return false;
  return (!a.upstream || IsSameTarget(*a.upstream, *b.upstream)) && a.addresses == b.addresses &&
         a.certificate == b.certificate && a.key == b.key &&
         std::ranges::equal(a.allow, b.allow, IsSameTarget);
}

bool IsAnyPort(const net::ListenAddress& where) {
  return where.address && where.address->port() == 0;
}

// IdentityOf is the digest of the client certificate and its key: renewed ones have the same names.
Result<Digest> IdentityOf(const RouteConfig& route) {
  if (route.certificate.empty()) return Digest{};
  Bytes both;
  for (const std::string& path : {route.certificate, route.key}) {
    const Result<base::FileImage> image = base::ReadFile(path, kMaxIdentitySize);
    if (!image) return image.error();
    const Digest digest = base::Sha256(image->bytes());
    both.insert(both.end(), digest.bytes.begin(), digest.bytes.end());
  }
  return base::Sha256(both);
}

// Allow lets others at a socket's file. It was made by this process, so nothing should be in the
// way.
void Allow(Route& route, unsigned permissions) {
  const Result<void> done = route.acceptor->SetPermissions(permissions);
  if (done) return;
  WriteLog(Level::kError, "permissions_failed",
           {{"route", route.config.name}, {"message", done.error().message}});
}

}  // namespace

Result<net::TlsContext> TlsContextOf(const RouteConfig& route) {
  return net::TlsContext::Create({.alpn = route.mode == RouteMode::kHttp ? "http/1.1" : "",
                                  .certificate = route.certificate,
                                  .key = route.key});
}

RouteTable::RouteTable(Context& context, SessionSet& sessions, Listen listen, Accept accept)
    : context_(context),
      sessions_(sessions),
      listen_(std::move(listen)),
      accept_(std::move(accept)),
      sweep_timer_(context.loop.timers(), [this] { SweepRetired(); }) {}

RouteTable::~RouteTable() = default;

Route* RouteTable::FindByName(std::string_view name) const noexcept {
  const auto found = std::ranges::find_if(
      routes_, [&](const std::unique_ptr<Route>& route) { return route->config.name == name; });
  return found == routes_.end() ? nullptr : found->get();
}

// FindAcceptor is the route whose socket listens where `config` wants to. "Any free port" is
// another one for each name.
Route* RouteTable::FindAcceptor(const RouteConfig& config) const noexcept {
  const auto found = std::ranges::find_if(routes_, [&](const std::unique_ptr<Route>& route) {
    return route->acceptor != nullptr && route->config.listen == config.listen &&
           (!IsAnyPort(config.listen) || route->config.name == config.name);
  });
  return found == routes_.end() ? nullptr : found->get();
}

// Counters belong to a name, as the time series that they become do.
std::shared_ptr<RouteCounters> RouteTable::CountersOf(std::string_view name) const {
  if (const Route* const route = FindByName(name)) return route->counters;
  for (const Retired& retired : retired_) {
    if (retired.route->config.name == name) return retired.route->counters;
  }
  return std::make_shared<RouteCounters>();
}

net::Acceptor::Accepted RouteTable::AcceptFor(Route& route) const {
  return [accept = accept_, &route](net::Socket client) { accept(route, std::move(client)); };
}

Result<std::unique_ptr<Route>> RouteTable::Make(const RouteConfig& config) const {
  auto route = std::make_unique<Route>(config, CountersOf(config.name));
  if (config.upstream) {
    Result<net::TlsContext> tls = TlsContextOf(config);
    if (!tls) return tls.error();
    route->upstream =
        std::make_unique<Upstream>(context_, route->config, *route->counters, *std::move(tls));
  }
  return route;
}

Result<RouteChange> RouteTable::Prepare(const std::vector<RouteConfig>& configs) const {
  RouteChange change;
  for (const RouteConfig& config : configs) {
    RouteChange::Step& step = change.steps.emplace_back();
    step.config = config;
    const Result<Digest> identity = IdentityOf(config);
    if (!identity) return identity.error();
    Route* const before = FindByName(config.name);
    Route* const listening = FindAcceptor(config);
    if (before != nullptr && listening == before && IsSameServer(before->config, config) &&
        before->identity == *identity) {
      step.kept = before;
      continue;
    }
    auto made = Make(config);
    if (!made) return made.error();
    step.made = *std::move(made);
    step.made->identity = *identity;
    step.acceptor_of = listening;
    if (listening != nullptr) continue;
    Result<net::Listener> listener = listen_(config.listen, config.permissions);
    if (!listener) return listener.error();
    auto acceptor =
        net::Acceptor::Start(context_.loop, *std::move(listener), AcceptFor(*step.made));
    if (!acceptor) return acceptor.error();
    step.made->acceptor = *std::move(acceptor);
  }
  return change;
}

std::unique_ptr<Route> RouteTable::TakeKept(const Route* kept) {
  const auto found = std::ranges::find_if(
      routes_, [&](const std::unique_ptr<Route>& route) { return route.get() == kept; });
  COTTER_CHECK(found != routes_.end());
  std::unique_ptr<Route> taken = std::move(*found);
  routes_.erase(found);
  return taken;
}

void RouteTable::Commit(RouteChange change) {
  std::vector<std::unique_ptr<Route>> next;
  next.reserve(change.steps.size());
  for (RouteChange::Step& step : change.steps) {
    Route* const listened = step.kept != nullptr ? step.kept : step.acceptor_of;
    if (listened != nullptr && listened->config.permissions != step.config.permissions) {
      Allow(*listened, step.config.permissions);
    }
    if (step.kept != nullptr) {
      next.push_back(TakeKept(step.kept));
      next.back()->config = std::move(step.config);
      if (next.back()->upstream != nullptr) next.back()->upstream->TakeLimits();
      continue;
    }
    Route& route = *step.made;
    if (step.acceptor_of != nullptr) {
      step.acceptor_of->counters->refused_clients += step.acceptor_of->acceptor->TakeShed();
      route.acceptor = std::move(step.acceptor_of->acceptor);
      route.acceptor->Redirect(AcceptFor(route));
    }
    route.bound = route.acceptor->listener().bound();
    WriteLog(Level::kInfo, "listening",
             {{"route", route.config.name}, {"address", route.bound.ToString()}});
    next.push_back(std::move(step.made));
  }
  std::vector<std::unique_ptr<Route>> gone;
  gone.swap(routes_);
  routes_ = std::move(next);
  for (std::unique_ptr<Route>& route : gone) Retire(std::move(route));
}

void RouteTable::Retire(std::unique_ptr<Route> route) {
  Route& retiring = *route;
  WriteLog(
      Level::kInfo, "route_retired",
      {{"route", retiring.config.name}, {"clients", static_cast<std::int64_t>(retiring.sessions)}});
  retiring.retired = true;
  if (retiring.acceptor != nullptr) {
    retiring.counters->refused_clients += retiring.acceptor->TakeShed();
    retiring.acceptor.reset();
  }
  if (retiring.upstream != nullptr) retiring.upstream->Retire();
  retired_.push_back({std::move(route), context_.loop.now() + context_.timeouts.drain});
  sessions_.DrainRoute(retiring);
  sweep_timer_.ArmAt(context_.loop.now() + net::TimerWheel::kTick);
}

// SweepRetired ends what took too long, and destroys routes that were unused a tick ago: what their
// connections buried has been destroyed since.
void RouteTable::SweepRetired() {
  try {
    for (Retired& retired : retired_) {
      if (context_.loop.now() >= retired.end) sessions_.AbortRoute(*retired.route);
    }
  } catch (const std::bad_alloc&) {
    return sweep_timer_.ArmAt(context_.loop.now() + net::TimerWheel::kTick);
  }
  std::erase_if(retired_, [](Retired& retired) {
    const Route& route = *retired.route;
    const bool unused =
        route.sessions == 0 && (route.upstream == nullptr || route.upstream->IsUnused());
    return std::exchange(retired.was_unused, unused) && unused;
  });
  if (!retired_.empty()) sweep_timer_.ArmAt(context_.loop.now() + net::TimerWheel::kTick);
}

void RouteTable::StopAccepting() {
  for (const std::unique_ptr<Route>& route : routes_) {
    if (route->acceptor == nullptr) continue;
    route->counters->refused_clients += route->acceptor->TakeShed();
    route->acceptor.reset();
  }
}

void RouteTable::DropStale() {
  for (const std::unique_ptr<Route>& route : routes_) {
    if (route->upstream != nullptr) route->upstream->DropStale();
  }
}

std::vector<const Route*> RouteTable::All() const {
  std::vector<const Route*> all;
  for (const std::unique_ptr<Route>& route : routes_) all.push_back(route.get());
  for (const Retired& retired : retired_) {
    const bool is_listed = std::ranges::any_of(
        all, [&](const Route* route) { return route->config.name == retired.route->config.name; });
    if (!is_listed) all.push_back(retired.route.get());
  }
  return all;
}

std::size_t RouteTable::RetiredClients() const noexcept {
  std::size_t clients = 0;
  for (const Retired& retired : retired_) clients += retired.route->sessions;
  return clients;
}

}  // namespace cotter::gateway
