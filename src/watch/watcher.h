// SPDX-License-Identifier: Apache-2.0
//
// The parts of watch at work together: looks become facts, facts become conditions, conditions
// become alerts, alerts go to sinks, and all of it is on disk. For the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "net/async/event_loop.h"
#include "net/async/signals.h"
#include "net/http/page_server.h"
#include "watch/alert_book.h"
#include "watch/clock_guard.h"
#include "watch/collector.h"
#include "watch/config.h"
#include "watch/dispatcher.h"
#include "watch/figures.h"
#include "watch/fleet.h"
#include "watch/rounds.h"
#include "watch/state.h"
#include "watch/watch.h"
#include <cotter/policy_file_source.h>
#include <cotter/report.h>

namespace cotter::watch {

class Watcher {
 public:
  // Create reads what `config` names and opens the state; nothing is begun. `loop` outlives the
  // object. Fails with what is wrong.
  [[nodiscard]] static Result<std::unique_ptr<Watcher>> Create(net::EventLoop& loop,
                                                               WatchOptions options,
                                                               WatchConfig config);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();

  // Serve begins to look, to listen and to tell, until a signal stops the loop. Fails where an
  // address cannot be listened on.
  [[nodiscard]] Result<void> Serve();

  // LookOnce begins one round, and stops the loop when all is told that can be.
  void LookOnce();
  [[nodiscard]] OnceSummary Summary() const;

 private:
  using Reply = net::http::PageServer::Reply;

  Watcher(net::EventLoop& loop, WatchOptions options, WatchConfig config);
  Result<void> Prepare();
  [[nodiscard]] Result<std::shared_ptr<WatchedPolicy>> OpenPolicy(const WatchConfig& config);
  void FollowPolicy(std::shared_ptr<WatchedPolicy> policy);
  void Restore();

  // What happens.
  void OnLook(Server& server, const probe::HostFacts& host);
  void OnPolicy();
  void OnPolicyFailure(const Error& error);
  void OnSignal(int signal);
  void OnTick();
  void FinishOnce();

  // Reload takes `Read`'s parts in, or says what is wrong with them.
  void Reload();
  Result<void> TakeConfig(WatchConfig config);

  // What follows.
  [[nodiscard]] Moment Now();
  [[nodiscard]] Vantages VantagesNow(const Moment& now) const;
  void CountFailures(const Server& server, const ServerFacts& facts);
  void Evaluate(Server& server, const Moment& now);
  void EvaluateAll(const Moment& now);
  void EvaluateOwn(const Moment& now);
  void Tell(const std::vector<Notification>& told);
  void TellSoon();
  void CommitAndPump();
  void PutEverything();
  [[nodiscard]] std::vector<Notification> FiringNow() const;
  [[nodiscard]] std::set<std::string, std::less<>> SubjectNames() const;

  // The pages.
  // Pages are those that a configuration opens; one that stays where it is is not among them.
  struct Pages {
    bool admin_stays = false;
    bool collector_stays = false;
    std::unique_ptr<net::http::PageServer> admin;
    std::unique_ptr<net::http::PageServer> collector;
  };
  [[nodiscard]] Result<Pages> OpenPages(const WatchConfig& config);
  void UsePages(Pages pages);
  Result<std::unique_ptr<net::http::PageServer>> Listen(const net::ListenAddress& where,
                                                        std::string_view what,
                                                        net::http::PageLimits limits,
                                                        net::http::PageServer::Serve serve);
  void ServePage(const net::http::PageRequest& request, const Reply& reply);
  void ServeProbe(const std::string& query, const Reply& reply);
  void AskProbe(const std::string& name, probe::Question question, const Reply& reply);
  void ServeCollector(const net::http::PageRequest& request, const Reply& reply);
  [[nodiscard]] OwnFigures Figures() const;

  net::EventLoop& loop_;
  WatchOptions options_;
  WatchConfig config_;
  std::shared_ptr<WatchedPolicy> policy_source_;
  std::shared_ptr<void> subscription_;
  Roots roots_;
  std::unique_ptr<State> state_;
  std::unique_ptr<ClockGuard> clock_;
  Fleet fleet_;
  AlertBook book_;
  Collector collector_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Rounds> rounds_;
  std::shared_ptr<report::Counters> failures_;
  std::set<std::string, std::less<>> restless_;  // servers that time alone may change
  net::Timer tick_;
  std::unique_ptr<net::SignalWatch> signals_;
  std::unique_ptr<net::http::PageServer> admin_;
  std::unique_ptr<net::http::PageServer> collector_page_;
  // Who waits for the answer to the same question of /probe; forgotten, not dropped, with each new
  // configuration and policy.
  std::map<std::string, std::shared_ptr<std::vector<Reply>>> probes_;
  Moment moment_;  // of the last look at the clocks
  bool reload_good_ = true;
  Time reloaded_;
  Time started_;
  std::uint64_t jumps_told_ = 0;
  bool tell_soon_ = false;
  bool once_ = false;
  bool round_done_ = false;
  bool stopping_ = false;
};

}  // namespace cotter::watch
