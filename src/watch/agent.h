// SPDX-License-Identifier: Apache-2.0
//
// A vantage point that reports to a collector: looks, signs what was seen, and sends it. What waits
// is report_queue.h's. For the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/async/event_loop.h"
#include "net/async/signals.h"
#include "net/http/page_server.h"
#include "watch/config.h"
#include "watch/fleet.h"
#include "watch/observation.h"
#include "watch/report_queue.h"
#include "watch/rounds.h"
#include "watch/watch.h"
#include "watch/worker.h"
#include <cotter/client.h>
#include <cotter/policy_file_source.h>

namespace cotter::watch {

class AgentService {
 public:
  // Create reads what `config` names, which has an [agent]. `loop` outlives the object.
  [[nodiscard]] static Result<std::unique_ptr<AgentService>> Create(net::EventLoop& loop,
                                                                    WatchOptions options,
                                                                    WatchConfig config);
  AgentService(const AgentService&) = delete;
  AgentService& operator=(const AgentService&) = delete;
  ~AgentService();

  // Serve begins, until a signal stops the loop. Fails where the page cannot be listened on.
  [[nodiscard]] Result<void> Serve();

 private:
  AgentService(net::EventLoop& loop, WatchOptions options);
  Result<void> Prepare();
  Result<void> Connect();
  Result<void> OpenPage();
  [[nodiscard]] std::string Figures() const;
  void OnTick();
  void OnSignal(int signal);
  void OnPolicy();
  void OnPolicyFailure(const Error& error) const;
  void Reload();
  Result<void> TakeConfig(WatchConfig config);
  void Send();
  void OnAnswer(const Answer& answer, const std::string& said);
  [[nodiscard]] std::uint64_t NextSequence();

  net::EventLoop& loop_;
  WatchOptions options_;
  WatchConfig config_;
  std::optional<SigningKey> key_;  // always there after Create
  Roots roots_;
  std::shared_ptr<WatchedPolicy> policy_source_;
  std::shared_ptr<void> subscription_;
  Fleet fleet_;
  std::unique_ptr<Rounds> rounds_;
  std::optional<client::Client> client_;
  std::unique_ptr<Worker> worker_;
  net::Timer tick_;
  std::unique_ptr<net::SignalWatch> signals_;
  std::unique_ptr<net::http::PageServer> admin_;
  ReportQueue queue_;
  std::uint64_t sequence_ = 0;
};

}  // namespace cotter::watch
