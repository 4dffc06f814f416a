// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include <system_error>

#include "base/clock.h"
#include "update/curl_fetcher.h"
#include "update/policy_update.h"
#include "update/poll_schedule.h"
#include "update/remote_metrics.h"
#include "update/remote_parts.h"
#include <cotter/update.h>

namespace cotter::update {
namespace {

// The thread looks at the time this often: waits on condition variables do not count sleep.
constexpr std::int64_t kMostWaitSeconds = 300;

RemoteParts RealParts(const RemoteOptions& options) {
  RemoteParts parts;
  parts.fetcher = [cleartext = options.cleartext, roots = options.channel_roots_file](
                      std::shared_ptr<const std::atomic<bool>> stop) {
    return std::make_unique<CurlFetcher>(cleartext, roots, std::move(stop));
  };
  parts.now = base::Now;
  parts.uptime = base::SecondsSinceBoot;
  parts.random = [device = std::make_shared<std::random_device>()] {
    return static_cast<std::uint32_t>((*device)());
  };
  return parts;
}

bool IsSame(const PolicyIndex& one, const PolicyIndex& other) {
  return AsText(one.image()) == AsText(other.image());
}

// SignalsBlocked keeps signals from threads that are started while it lives: they are the
// program's.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

std::string_view NameOf(PollOutcome outcome) noexcept {
  switch (outcome) {
    case PollOutcome::kUpdated:
      return "updated";
    case PollOutcome::kUnchanged:
      return "unchanged";
    case PollOutcome::kRejected:
      return "update_rejected";
  }
  return "update_rejected";
}

class RemotePolicy::Polling : public std::enable_shared_from_this<RemotePolicy::Polling> {
 public:
  Polling(RemoteOptions options, RemoteParts parts)
      : options_(std::move(options)), parts_(std::move(parts)), update_(options_, stop_) {}
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;
  ~Polling() = default;

  // Start loads what is there, and waits for the first poll as long as the options say.
  Result<void> Start() {
    Result<std::shared_ptr<const PolicyIndex>> first = update_.Load();
    if (first) {
      Hold(*first);
      const Result<StateView> view = ViewState(options_.state, ReadClocks());
      if (view) NoteEmergency(view->emergency);
    }
    try {
      const SignalsBlocked blocked;
      thread_ = std::thread([self = shared_from_this()] { self->Run(); });
    } catch (const std::system_error&) {
      return Error{Code::kInternal, "no thread could be started to follow the repository"};
    }
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait_for(lock, options_.patience, [this] { return polls_ > 0; });
    if (held_ != nullptr) return Ok();
    // What is there and cannot be used is worth more than that no other came.
    const bool nothing = first.error().code == Code::kUpdateStateInvalid;
    if (!nothing) return first.error();
    if (status_.rejected) return status_.rejected->error;
    return Error{Code::kFetchFailed,
                 "no policy came within " + std::to_string(options_.patience.count()) + " ms"};
  }

  void End() noexcept {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_->store(true);
    }
    wake_.notify_all();
    done_.notify_all();
    if (!thread_.joinable()) return;
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();  // a subscriber let go of the source last; the thread keeps what it needs
    } else {
      thread_.join();
    }
  }

  void NoteMismatch() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    mismatch_ = mismatch_ || !polling_;  // one that a poll is about already brings no other
    if (mismatch_) wake_.notify_all();
  }

  void PollSoon() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    asked_ = std::max(asked_, begun_ + 1);
    wake_.notify_all();
  }

  Result<PollEvent> Poll() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (std::this_thread::get_id() == poller_) {
      return Error{Code::kUsage, "a subscriber cannot wait for the poll that called it"};
    }
    const std::uint64_t wanted = begun_ + 1;  // what has begun may have seen what was before
    asked_ = std::max(asked_, wanted);
    wake_.notify_all();
    done_.wait(lock, [&] { return polls_ >= wanted || *stop_; });
    if (polls_ < wanted) return Error{Code::kInternal, "the source is at its end"};
    if (last_.outcome == PollOutcome::kRejected) return last_.error;
    return last_;
  }

  // held is null until there is a policy; Open returns no source before that.
  [[nodiscard]] HeldPolicy& held() const noexcept { return *held_; }

  [[nodiscard]] RemoteStatus Status() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return StatusNow();
  }

  [[nodiscard]] std::string MetricsText() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return RemoteMetricsText(StatusNow(), rejections_);
  }

 private:
  // StatusNow is without the statements that have ended since they were noted. Under the lock.
  [[nodiscard]] RemoteStatus StatusNow() const {
    RemoteStatus status = status_;
    const Time now = parts_.now();
    std::erase_if(status.emergency, [now](const EmergencyStatement& statement) {
      return statement.until && *statement.until <= now;
    });
    return status;
  }

  void NoteEmergency(const std::vector<EmergencyView>& views) {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_.emergency.clear();
    for (const EmergencyView& view : views) {
      if (view.standing == EmergencyStanding::kInForce) {
        status_.emergency.push_back(view.statement);
      }
    }
  }

  // Settle has subscribers hear of statements that have ended. Without the lock; on this thread.
  void Settle(std::unique_lock<std::mutex>& lock) {
    if (held_ == nullptr) return;
    lock.unlock();
    held_->Settle();
    lock.lock();
  }

  // LeftToEnd is how long the next statement goes on.
  [[nodiscard]] std::int64_t LeftToEnd() const {
    if (held_ == nullptr) return kMostWaitSeconds;
    const Time now = base::Now();
    const std::optional<Time> end = held_->Current()->NextEnd(now);
    return end ? end->unix_seconds - now.unix_seconds : kMostWaitSeconds;
  }

  // Hold puts `policy` into force, on the thread that starts or on that which polls.
  void Hold(std::shared_ptr<const PolicyIndex> policy) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      status_.version = policy->version();
      if (held_ == nullptr) {
        held_ = std::make_shared<HeldPolicy>(std::move(policy));
        return;
      }
    }
    held_->Set(std::move(policy));
  }

  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    poller_ = std::this_thread::get_id();
    while (true) {
      Settle(lock);  // before what is waited for is looked at, because it lets go of the lock
      if (*stop_) break;
      const Why why = WhyNow();
      if (why == Why::kNot) {
        const std::int64_t left = std::clamp<std::int64_t>(
            std::min(due_ - parts_.uptime(), LeftToEnd()), 0, kMostWaitSeconds);
        wake_.wait_for(lock, std::chrono::seconds(left));
        continue;
      }
      polling_ = true;
      mismatch_ = false;
      ++begun_;
      lock.unlock();
      const PollEvent event = PollOnce();
      Tell(event);
      lock.lock();
      last_ = event;
      polls_ = begun_;
      if (why == Why::kEarly) ++status_.early;
      done_.notify_all();
    }
  }

  enum class Why { kNot, kDue, kAsked, kEarly };

  // WhyNow says whether to poll now. Under the lock.
  Why WhyNow() {
    const std::int64_t uptime = parts_.uptime();
    if (mismatch_) {
      mismatch_ = false;
      const auto wait = schedule_.AfterMismatch(uptime, parts_.random());
      if (wait && uptime + *wait < due_) {
        due_ = uptime + *wait;
        early_ = true;
      }
    }
    if (asked_ > begun_) return Why::kAsked;
    if (uptime < due_) return Why::kNot;
    return early_ ? Why::kEarly : Why::kDue;
  }

  PollEvent PollOnce() {
    PollEvent event;
    event.time = parts_.now();
    try {
      const std::unique_ptr<Fetcher> fetcher = parts_.fetcher(stop_);
      const auto done = update_.Run(*fetcher, event.time);
      if (const auto* updated = std::get_if<PolicyUpdated>(&done)) {
        Succeed(*updated, event);
      } else {
        const UpdateRejected& rejected = *std::get_if<UpdateRejected>(&done);
        event.outcome = PollOutcome::kRejected;
        event.step = NameOf(rejected.step);
        event.error = rejected.error;
        event.remote = rejected.remote;
        // A process beside this one, or the shipped policy, may have brought the state further.
        if (held_ == nullptr) AdoptState();
      }
    } catch (const std::exception& failure) {
      event.outcome = PollOutcome::kRejected;
      event.step = NameOf(Step::kState);
      event.error = Error{Code::kInternal, failure.what()};
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (event.outcome == PollOutcome::kRejected) {
      event.next_seconds = schedule_.AfterFailure(parts_.random());
      ++rejections_[{event.step, event.error.code}];
      ++status_.rejections;
    }
    polling_ = false;
    early_ = false;
    event.version = status_.version;
    due_ = parts_.uptime() + event.next_seconds;
    if (event.outcome == PollOutcome::kRejected) {
      status_.rejected = event;
    } else {
      status_.rejected.reset();
    }
    return event;
  }

  void AdoptState() {
    if (Result<std::shared_ptr<const PolicyIndex>> loaded = update_.Load()) Hold(*loaded);
  }

  void Succeed(const PolicyUpdated& updated, PollEvent& event) {
    NoteEmergency(updated.emergency);
    event.notices = updated.notices;
    const bool other = held_ == nullptr || !IsSame(*held_->Current(), *updated.policy);
    if (other) Hold(updated.policy);
    event.outcome = other ? PollOutcome::kUpdated : PollOutcome::kUnchanged;
    const std::lock_guard<std::mutex> lock(mutex_);
    event.next_seconds =
        schedule_.AfterSuccess(event.time, updated.expires,
                               other ? Brought::kNewPolicy : Brought::kNothing, parts_.random());
    ++(other ? status_.updated : status_.unchanged);
    status_.last_success = event.time;
    status_.timestamp_expires = updated.expires;
  }

  void Tell(const PollEvent& event) const {
    try {
      if (options_.on_event) options_.on_event(event);
    } catch (...) {  // who could not bear to hear of it changes nothing
      return;
    }
  }

  const RemoteOptions options_;
  const RemoteParts parts_;
  const std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
  PolicyUpdate update_;               // of the thread
  std::shared_ptr<HeldPolicy> held_;  // set once, under mutex_, before anybody else sees it

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  // Under mutex_:
  std::thread::id poller_;
  PollSchedule schedule_;
  std::int64_t due_ = 0;  // of the next poll, by uptime
  bool early_ = false;    // a mismatch brought it forward
  bool mismatch_ = false;
  bool polling_ = false;
  std::uint64_t begun_ = 0;  // polls
  std::uint64_t polls_ = 0;  // those that came to an end
  std::uint64_t asked_ = 0;  // how many there have to be
  PollEvent last_;
  RemoteStatus status_;
  RejectionCounts rejections_;

  std::thread thread_;
};

RemotePolicy::RemotePolicy(Passkey /*key*/, std::shared_ptr<Polling> polling)
    : polling_(std::move(polling)) {}

RemotePolicy::~RemotePolicy() { polling_->End(); }

Result<std::shared_ptr<RemotePolicy>> RemotePolicyAccess::Open(RemoteOptions options,
                                                               RemoteParts parts) {
  if (options.remotes.empty() || options.state.empty() || options.environment.empty() ||
      options.patience.count() < 0) {
    return Error{Code::kUsage,
                 "a remote policy needs a repository, a state directory and an "
                 "environment"};
  }
  auto polling = std::make_shared<RemotePolicy::Polling>(std::move(options), std::move(parts));
  if (Result<void> started = polling->Start(); !started) {
    polling->End();
    return started.error();
  }
  return std::make_shared<RemotePolicy>(RemotePolicy::Passkey(), std::move(polling));
}

Result<std::shared_ptr<RemotePolicy>> RemotePolicy::Open(RemoteOptions options) {
  RemoteParts parts = RealParts(options);
  return RemotePolicyAccess::Open(std::move(options), std::move(parts));
}

std::shared_ptr<const PolicyIndex> RemotePolicy::Current() const noexcept {
  return polling_->held().Current();
}

std::shared_ptr<void> RemotePolicy::Subscribe(std::function<void()> changed) {
  return polling_->held().Subscribe(std::move(changed));
}

void RemotePolicy::NoteMismatch() noexcept { polling_->NoteMismatch(); }

Result<PollEvent> RemotePolicy::Poll() { return polling_->Poll(); }

void RemotePolicy::PollSoon() noexcept { polling_->PollSoon(); }

RemoteStatus RemotePolicy::Status() const { return polling_->Status(); }

std::string RemotePolicy::MetricsText() const { return polling_->MetricsText(); }

}  // namespace cotter::update
