// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"
#include <cotter/report_spool.h>

namespace cotter::report {
namespace {

// The clock of reports is the wall's, which may be set; no wait is longer than this.
constexpr std::int64_t kLongestWait = 60;

// Bell is what an outbox may ring after its courier has gone.
class Bell {
 public:
  void Ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    changed_.notify_one();
  }

  void Stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_one();
  }

  // Wait waits until somebody rings or `seconds` have passed, and reports whether to go on.
  bool Wait(std::int64_t seconds) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(seconds), [this] { return rung_ || stopped_; });
    rung_ = false;
    return !stopped_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
  bool stopped_ = false;
};

class ThreadCourier final : public Courier {
 public:
  ThreadCourier(std::vector<std::shared_ptr<Outbox>> outboxes, PostFunction post,
                std::function<Time()> now)
      : outboxes_(std::move(outboxes)), post_(std::move(post)), now_(std::move(now)) {
    outboxes_.erase(std::remove(outboxes_.begin(), outboxes_.end(), nullptr), outboxes_.end());
    for (const auto& outbox : outboxes_) {
      outbox->OnWork([bell = bell_] { bell->Ring(); });
    }
    thread_ = std::thread([this] { Run(); });
  }
  ThreadCourier(const ThreadCourier&) = delete;
  ThreadCourier& operator=(const ThreadCourier&) = delete;
  ~ThreadCourier() override {
    for (const auto& outbox : outboxes_) outbox->OnWork(nullptr);
    bell_->Stop();
    thread_.join();
  }

 private:
  void Run() {
    do {
      for (const auto& outbox : outboxes_) DeliverIfDue(*outbox);
    } while (bell_->Wait(SecondsToWait()));
  }

  void DeliverIfDue(Outbox& outbox) noexcept {
    try {
      const Time now = now_();
      const std::optional<Time> due = outbox.NextDue();
      if (due && *due <= now) outbox.Deliver(post_, now);
    } catch (...) {
      return;  // no memory: the next round tries again
    }
  }

  std::int64_t SecondsToWait() const {
    std::int64_t wait = kLongestWait;
    for (const auto& outbox : outboxes_) {
      const std::optional<Time> due = outbox->NextDue();
      if (due) wait = std::min(wait, due->unix_seconds - now_().unix_seconds);
    }
    return std::max<std::int64_t>(wait, 1);
  }

  std::vector<std::shared_ptr<Outbox>> outboxes_;
  PostFunction post_;
  std::function<Time()> now_;
  std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Courier> Courier::Start(std::vector<std::shared_ptr<Outbox>> outboxes,
                                        PostFunction post, std::function<Time()> now) {
  return std::make_unique<ThreadCourier>(std::move(outboxes), std::move(post),
                                         now ? std::move(now) : std::function<Time()>(base::Now));
}

}  // namespace cotter::report
