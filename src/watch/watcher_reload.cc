// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "net/service_manager.h"
#include "watch/watcher.h"

namespace cotter::watch {
namespace {

using base::Level;
using base::WriteLog;

}  // namespace

void Watcher::OnPolicy() {
  if (policy_source_ == nullptr) return;
  auto view = PolicyView::Load(config_.policy, config_.environment);
  if (!view) return OnPolicyFailure(view.error());
  // The file may have changed again; then this is called once more.
  if ((*view)->version() != policy_source_->Current()->version()) return;
  fleet_.UsePolicy(*std::move(view));
  probes_.clear();
  reload_good_ = true;
  reloaded_ = base::Now();
  WriteLog(Level::kInfo, "policy",
           {{"version", static_cast<std::int64_t>(fleet_.policy()->version())}});
  WarnOfUnpinned(fleet_);
}

void Watcher::OnPolicyFailure(const Error& error) {
  reload_good_ = false;
  WriteLog(Level::kError, "policy_failed",
           {{"code", NameOf(error.code)},
            {"message", error.message},
            {"kept_version", static_cast<std::int64_t>(fleet_.policy()->version())}});
}

void Watcher::Reload() {
  net::NotifyServiceManager("RELOADING=1");
  Result<WatchConfig> config = LoadConfig(options_);
  const Result<void> taken = config ? TakeConfig(*std::move(config)) : Result<void>(config.error());
  reload_good_ = taken.has_value();
  if (taken) {
    reloaded_ = base::Now();
    WriteLog(Level::kInfo, "reloaded",
             {{"servers", static_cast<std::int64_t>(fleet_.servers().size())},
              {"policy_version", static_cast<std::int64_t>(fleet_.policy()->version())}});
    WarnOfUnpinned(fleet_);
  } else {
    WriteLog(Level::kError, "reload_failed",
             {{"code", NameOf(taken.error().code)}, {"message", taken.error().message}});
  }
  net::NotifyServiceManager("READY=1");
}

// TakeConfig makes everything that can fail before it changes anything.
Result<void> Watcher::TakeConfig(WatchConfig config) {
  if (config.state != config_.state || !config.probe.IsOneEngine(config_.probe)) {
    return Error{Code::kUsage,
                 "state, and [probe] but for its timeout, are taken at a start alone"};
  }
  auto roots = Roots::Load(config.trust);
  if (!roots) return roots.error();
  // Another file begins anew; the same one goes on, and never back.
  const bool other_policy =
      config.policy != config_.policy || config.environment != config_.environment;
  if (!other_policy) {
    if (Result<void> refreshed = policy_source_->Refresh(); !refreshed) return refreshed;
  }
  auto view = PolicyView::Load(config.policy, config.environment);
  if (!view) return view.error();
  Collector checked = collector_;
  if (Result<void> read = checked.Configure(config.vantages, loop_.now()); !read) return read;
  Result<Pages> pages = OpenPages(config);
  if (!pages) return pages.error();
  auto followed = other_policy ? OpenPolicy(config) : policy_source_;
  if (!followed) return followed.error();
  if (Result<void> made = dispatcher_->Configure(config.sinks, config.delivery); !made) return made;
  config_ = std::move(config);
  if (other_policy) FollowPolicy(*std::move(followed));
  collector_ = std::move(checked);
  book_.Configure(config_.rules);
  roots_ = *std::move(roots);
  fleet_ = Fleet::Make(config_, *std::move(view), roots_, std::move(fleet_));
  restless_.clear();
  probes_.clear();
  moment_ = Now();
  Tell(book_.Forget(SubjectNames(), moment_));
  EvaluateAll(moment_);
  rounds_->Follow(fleet_);
  UsePages(*std::move(pages));
  return Ok();
}

}  // namespace cotter::watch
