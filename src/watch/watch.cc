// SPDX-License-Identifier: Apache-2.0
#include "watch/watch.h"

#include <csignal>
#include <utility>

#include "net/async/event_loop.h"
#include "net/async/signals.h"
#include "watch/agent.h"
#include "watch/collector.h"
#include "watch/policy_view.h"
#include "watch/sink.h"
#include "watch/watcher.h"

namespace cotter::watch {
namespace {

// MakeLoop is the loop of a service. Threads are started before the service watches for signals, so
// they are blocked here.
Result<std::unique_ptr<net::EventLoop>> MakeLoop() {
  if (const Result<void> blocked = net::BlockSignals({SIGTERM, SIGINT, SIGHUP}); !blocked) {
    return blocked.error();
  }
  return net::EventLoop::Create();
}

}  // namespace

Result<WatchConfig> LoadConfig(const WatchOptions& options) {
  Result<WatchConfig> config = LoadConfig(options.config_file);
  if (config && !options.policy.empty()) config->policy = options.policy;
  return config;
}

Result<WatchConfig> Check(const WatchOptions& options) {
  Result<WatchConfig> config = LoadConfig(options);
  if (!config) return config;
  const auto policy = PolicyView::Load(config->policy, config->environment);
  if (!policy) return policy.error();
  const auto trust = tls::LoadTrustStore(config->trust);
  if (!trust) return trust.error();
  const auto carriers = MakeCarriers(config->delivery);
  if (!carriers) return carriers.error();
  Collector collector;
  if (const Result<void> read = collector.Configure(config->vantages, {}); !read) {
    return read.error();
  }
  if (config->agent) {
    const auto key = SigningKey::Read(config->agent->key_file);
    if (!key) return key.error();
  }
  return config;
}

Result<void> Serve(const WatchOptions& options) {
  Result<WatchConfig> config = Check(options);
  if (!config) return config.error();
  auto loop = MakeLoop();
  if (!loop) return loop.error();
  auto watcher = Watcher::Create(**loop, options, *std::move(config));
  if (!watcher) return watcher.error();
  if (Result<void> served = (*watcher)->Serve(); !served) return served;
  (*loop)->Run();
  return Ok();
}

Result<OnceSummary> Once(const WatchOptions& options) {
  Result<WatchConfig> config = Check(options);
  if (!config) return config.error();
  auto loop = net::EventLoop::Create();
  if (!loop) return loop.error();
  auto watcher = Watcher::Create(**loop, options, *std::move(config));
  if (!watcher) return watcher.error();
  (*watcher)->LookOnce();
  (*loop)->Run();
  return (*watcher)->Summary();
}

Result<void> ServeAgent(const WatchOptions& options) {
  Result<WatchConfig> config = Check(options);
  if (!config) return config.error();
  auto loop = MakeLoop();
  if (!loop) return loop.error();
  auto agent = AgentService::Create(**loop, options, *std::move(config));
  if (!agent) return agent.error();
  if (Result<void> served = (*agent)->Serve(); !served) return served;
  (*loop)->Run();
  return Ok();
}

}  // namespace cotter::watch
