// SPDX-License-Identifier: Apache-2.0
#include "gateway/enforcement.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "net/target.h"
#include "tls/trust_store.h"

namespace cotter::gateway {
namespace {

using base::Level;
using base::WriteLog;

void LogViolation(const report::ViolationEvent& event) {
  const bool allowed = event.outcome == Outcome::kReported;
  WriteLog(allowed ? Level::kWarning : Level::kError, "violation",
           {{"host", event.host},
            {"port", std::int64_t{event.port}},
            {"code", event.code ? NameOf(*event.code) : std::string_view{}},
            {"outcome", NameOf(event.outcome)},
            {"message", event.message},
            {"rule", event.pattern},
            {"policy", event.policy_name},
            {"policy_version", static_cast<std::int64_t>(event.policy_version)},
            {"peer", event.peer}});
}

}  // namespace

Result<Followed> FollowPolicy(const GatewayConfig& config,
                              std::optional<update::RemoteOptions> remote, Failed failed) {
  if (!remote) {
    auto file = WatchedPolicy::Open(
        {.path = config.policy,
         .environment = config.environment,
         .on_failure = [failed = std::move(failed)](const Error& error) { failed({}, error); }});
    if (!file) return file.error();
    return Followed{*file, *file, nullptr};
  }
  remote->base_file = config.policy;
  if (!config.environment.empty()) remote->environment = config.environment;
  remote->on_event = [failed = std::move(failed)](const update::PollEvent& event) {
    if (event.outcome == update::PollOutcome::kRejected) failed(event.step, event.error);
  };
  auto source = update::RemotePolicy::Open(*std::move(remote));
  if (!source) return source.error();
  return Followed{*source, nullptr, *source};
}

Result<std::shared_ptr<const Enforcement>> Enforce(const GatewayConfig& config,
                                                   const std::shared_ptr<PolicySource>& policy,
                                                   std::shared_ptr<report::Counters> counters) {
  auto trust = tls::LoadTrustStore(config.trust);
  if (!trust) return trust.error();
  const std::shared_ptr<const tls::TrustStore> store = *std::move(trust);
  const auto tell = [policy, counters = std::move(counters)](const tls::Violation& violation) {
    const std::shared_ptr<const PolicyIndex> current = policy->Current();
    const report::ViolationEvent event =
        report::MakeEvent({.endpoint = violation.endpoint,
                           .verdict = violation.verdict,
                           .found = violation.found,
                           .message = violation.message,
                           .policy = current.get(),
                           .served_chain = violation.presented,
                           .validated_chain = violation.validated},
                          base::Now(), report::PeerOf(violation.socket));
    counters->Tell(event);
    LogViolation(event);
  };
  auto enforcer = tls::Enforcer::Create(
      {.policy = policy,
       .trust = store,
       .now = {},
       .on_violation = tell,
       .resume = config.resume ? tls::Resumption::kBound : tls::Resumption::kOff});
  if (!enforcer) return enforcer.error();
  return std::make_shared<const Enforcement>(
      Enforcement{*std::move(enforcer), store->ContentDigest(), policy, store});
}

std::vector<std::string> UnpinnedUpstreams(const GatewayConfig& config, const PolicyIndex& policy) {
  std::vector<std::string> names;
  for (const RouteConfig& route : config.routes) {
    if (!route.upstream) continue;
    const Lookup found = policy.Find(route.upstream->host, route.upstream->port);
    if (found.kind == Lookup::Kind::kRule) continue;
    names.push_back(net::FormatTarget(*route.upstream));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<void> CheckRules(const GatewayConfig& config) {
  if (!config.policy.empty()) {
    const auto policy = WatchedPolicy::Open({.path = config.policy,
                                             .environment = config.environment,
                                             .interval = std::chrono::milliseconds(0)});
    if (!policy) return policy.error();
  }
  const auto trust = tls::LoadTrustStore(config.trust);
  if (!trust) return trust.error();
  return Ok();
}

}  // namespace cotter::gateway
