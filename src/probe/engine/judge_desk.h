// SPDX-License-Identifier: Apache-2.0
//
// Where what was collected is verified and judged: one thread beside the event loop, so that a
// chain that is slow to verify keeps no handshake waiting. Farms show one chain at many addresses,
// so a judgement holds for a while for the same bytes, host, trust and policy.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "probe/engine/facts.h"
#include <cotter/bytes.h>
#include <cotter/path.h>
#include <cotter/policy_index.h>
#include <cotter/time.h>

namespace cotter::probe {

// Unjudged is what one look of a host showed.
struct Unjudged {
  std::size_t address = 0;                          // its place in HostFacts::addresses
  std::size_t look = 0;                             // and there
  std::shared_ptr<const PresentedChain> presented;  // null where none was
  Bytes staple;
};

// JudgeJob is one host: its facts, and what they still lack.
struct JudgeJob {
  HostFacts facts;
  std::vector<Unjudged> unjudged;
  std::uint64_t judged = 0;  // chains, and those that were known; filled by the desk
  std::uint64_t known = 0;
};

// JudgeDesk takes jobs from one thread and hands them back on its own.
class JudgeDesk {
 public:
  // Ready is called on the desk's thread with each job, in the order of their coming.
  using Ready = std::function<void(std::unique_ptr<JudgeJob>)>;

  // A judgement is used again for `keep`, but not beyond a date of its certificates or its rule.
  // Throws std::system_error where no thread is left.
  JudgeDesk(std::chrono::seconds keep, std::size_t most, Ready ready);
  JudgeDesk(const JudgeDesk&) = delete;
  JudgeDesk& operator=(const JudgeDesk&) = delete;

  // Jobs that still wait are dropped.
  ~JudgeDesk();

  // Put hands in a job. Its facts have their time already.
  void Put(std::unique_ptr<JudgeJob> job);

 private:
  struct Known {
    std::shared_ptr<const ChainFacts> facts;
    Time at;
    Time until;  // the first date of its certificates, or of its rule, after `at`
    std::shared_ptr<const Settings> settings;  // keeps alive what the key names by address
  };

  void Work(const std::stop_token& stop);
  void Judge(JudgeJob& job);
  std::shared_ptr<const ChainFacts> JudgeOne(JudgeJob& job, const PresentedChain& presented);

  std::chrono::seconds keep_;
  std::size_t most_;  // judgements that are kept; then all are forgotten together
  Ready ready_;
  std::shared_ptr<const PolicyIndex> no_policy_;
  std::unordered_map<std::string, Known> known_;  // the desk's thread alone
  SeenCache seen_;                                // likewise
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<std::unique_ptr<JudgeJob>> jobs_;  // under the mutex
  std::jthread thread_;                         // last: it uses all of them
};

}  // namespace cotter::probe
