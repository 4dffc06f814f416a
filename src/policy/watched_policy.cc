// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/stat.h>
#include <system_error>

#include "base/file.h"
#include "core/policy_image.h"
#include "policy/policy_file.h"
#include <cotter/policy_file_source.h>

namespace cotter {
namespace {

// Stamp tells one state of a file from another without reading it. All zero: there is no file.
using Stamp = std::array<std::int64_t, 7>;

Stamp StampOf(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  return {static_cast<std::int64_t>(status.st_dev),
          static_cast<std::int64_t>(status.st_ino),
          static_cast<std::int64_t>(status.st_size),
          static_cast<std::int64_t>(status.st_mtim.tv_sec),
          static_cast<std::int64_t>(status.st_mtim.tv_nsec),
          static_cast<std::int64_t>(status.st_ctim.tv_sec),
          static_cast<std::int64_t>(status.st_ctim.tv_nsec)};
}

bool IsCompiled(ByteView bytes) noexcept {
  return bytes.size() >= sizeof image::kMagic &&
         image::Load<std::uint64_t>(bytes.data()) == image::kMagic;
}

Result<PolicyIndex> Compile(const std::string& path) {
  const Result<base::FileImage> file = base::ReadFile(path, policy::kMaxPolicyFileSize);
  if (!file) return file.error();
  if (IsCompiled(file->bytes())) return PolicyIndex::Open(file->bytes(), file->owner());
  const Result<Policy> policy = policy::ReadPolicy(AsText(file->bytes()), path);
  if (!policy) return policy.error();
  return PolicyIndex::Build(*policy);
}

bool IsSame(const PolicyIndex& one, const PolicyIndex& other) {
  return AsText(one.image()) == AsText(other.image());
}

// WhyNot says why `next` may not follow `current`.
std::optional<Error> WhyNot(const PolicyIndex& current, const PolicyIndex& next) {
  if (next.version() > current.version()) return std::nullopt;
  // The same policy under other emergency statements.
  if (next.version() == current.version() && next.revision() > current.revision()) {
    return std::nullopt;
  }
  return Error{Code::kPolicyRollback,
               "expected a version above " + std::to_string(current.version()) +
                   ", found another policy with version " + std::to_string(next.version())};
}

}  // namespace

class WatchedPolicy::Watch : public std::enable_shared_from_this<WatchedPolicy::Watch> {
 public:
  Watch(WatchOptions options, std::shared_ptr<const PolicyIndex> first)
      : options_(std::move(options)), file_(first), held_(std::move(first)) {}

  ~Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Start begins to look at the file, which was in the state `read` before it was read.
  void Start(const Stamp& read) {
    if (options_.interval.count() == 0) return;
    thread_ = std::thread([self = shared_from_this(), read] { self->Run(read); });
  }

  // End ends the thread and waits for it, but on the thread itself, where a subscriber let go of
  // the source last: that keeps what it needs until it has returned.
  void End() noexcept {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    wake_.notify_all();
    if (!thread_.joinable()) return;
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }

  Result<void> Look() {
    // One at a time, so that of two looks the later one's file is in force. Held while subscribers
    // run: they may use the source, but not refresh it.
    const std::lock_guard<std::mutex> lock(look_mutex_);
    Result<PolicyIndex> next = Compile(options_.path);
    if (!next) return Fail(next.error());
    if (Result<void> fits = CheckEnvironment(*next, options_.environment); !fits) {
      return Fail(fits.error());
    }
    // Held against what the file said: what is in force may have lost what ended since.
    if (!IsSame(*file_, *next)) {
      if (const std::optional<Error> why = WhyNot(*file_, *next)) return Fail(*why);
      file_ = std::make_shared<const PolicyIndex>(*std::move(next));
      held_.Set(file_);
    }
    const std::lock_guard<std::mutex> failure_lock(mutex_);
    failure_.reset();
    return Ok();
  }

  static Result<void> CheckEnvironment(const PolicyIndex& policy, const std::string& environment) {
    Policy named;
    named.environment = policy.environment();
    return policy::RequireEnvironment(named, environment);
  }

  HeldPolicy& held() noexcept { return held_; }

  [[nodiscard]] std::optional<Error> failure() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return failure_;
  }

 private:
  Error Fail(Error error) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const bool told =
          failure_ && failure_->code == error.code && failure_->message == error.message;
      failure_ = error;
      if (told) return error;
    }
    try {
      if (options_.on_failure) options_.on_failure(error);
    } catch (...) {  // the failure stands, whoever could not bear to hear of it
      return error;
    }
    return error;
  }

  void Run(Stamp read) {
    Stamp seen = read;
    std::unique_lock<std::mutex> lock(mutex_);
    while (!wake_.wait_for(lock, options_.interval, [this] { return ended_; })) {
      lock.unlock();
      SettleSafely();
      const Stamp now = StampOf(options_.path);
      if (now != read && now == seen) {
        // The stamp was taken before the file is read: what changes since is seen the next time. A
        // file that could not be read at all is tried again, for it need not change to be readable.
        if (LookSafely()) read = now;
      }
      seen = now;
      lock.lock();
    }
  }

  // LookSafely reports whether the file was read, whatever was in it. Without memory it was not.
  bool LookSafely() noexcept {
    try {
      const Result<void> looked = Look();
      return looked || looked.error().code != Code::kFileUnreadable;
    } catch (...) {
      return false;
    }
  }

  // SettleSafely has subscribers hear of what came to its end. Without memory, at the next look.
  void SettleSafely() noexcept {
    try {
      held_.Settle();
    } catch (...) {
      return;
    }
  }

  const WatchOptions options_;
  std::shared_ptr<const PolicyIndex> file_;  // as it was read last; under look_mutex_
  HeldPolicy held_;
  std::mutex look_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Error> failure_;  // under mutex_
  bool ended_ = false;            // under mutex_
  std::thread thread_;
};

WatchedPolicy::WatchedPolicy(Passkey /*key*/, std::shared_ptr<Watch> watch)
    : watch_(std::move(watch)) {}

WatchedPolicy::~WatchedPolicy() { watch_->End(); }

Result<std::shared_ptr<WatchedPolicy>> WatchedPolicy::Open(WatchOptions options) {
  if (options.path.empty() || options.path == "-" || options.interval.count() < 0) {
    return Error{Code::kUsage, "a watched policy needs the path of a file and an interval"};
  }
  const Stamp stamp = StampOf(options.path);
  Result<PolicyIndex> first = Compile(options.path);
  if (!first) return first.error();
  if (options.environment.empty()) options.environment = first->environment();
  if (Result<void> fits = Watch::CheckEnvironment(*first, options.environment); !fits) {
    return fits.error();
  }
  auto watch = std::make_shared<Watch>(std::move(options),
                                       std::make_shared<const PolicyIndex>(*std::move(first)));
  try {
    watch->Start(stamp);
  } catch (const std::system_error&) {
    return Error{Code::kInternal, "no thread could be started to watch the policy"};
  }
  return std::make_shared<WatchedPolicy>(Passkey(), std::move(watch));
}

std::shared_ptr<const PolicyIndex> WatchedPolicy::Current() const noexcept {
  return watch_->held().Current();
}

std::shared_ptr<void> WatchedPolicy::Subscribe(std::function<void()> changed) {
  return watch_->held().Subscribe(std::move(changed));
}

Result<void> WatchedPolicy::Refresh() {
  const std::shared_ptr<Watch> watch = watch_;  // a subscriber may let go of the source
  return watch->Look();
}

std::optional<Error> WatchedPolicy::LastFailure() const { return watch_->failure(); }

}  // namespace cotter
