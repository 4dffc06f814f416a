// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "report/text.h"
#include <cotter/report.h>

namespace cotter::report {
namespace {

// Endpoints that a limit or a block remembers; over it the oldest are forgotten, so that a client
// which is made to contact many hosts does not grow.
constexpr std::size_t kMaxRemembered = 4096;

constexpr std::string_view kOtherHosts = "_other";

class LogSink final : public Sink {
 public:
  explicit LogSink(LogFunction log) : log_(std::move(log)) {}

  void Tell(const ViolationEvent& event) noexcept override {
    try {
      if (log_) log_(LogLine(event));
    } catch (...) {
      return;  // a sink can change nothing
    }
  }

 private:
  LogFunction log_;
};

class FanOut final : public Sink {
 public:
  explicit FanOut(std::vector<std::shared_ptr<Sink>> sinks) : sinks_(std::move(sinks)) {
    sinks_.erase(std::remove(sinks_.begin(), sinks_.end(), nullptr), sinks_.end());
  }

  void Tell(const ViolationEvent& event) noexcept override {
    for (const auto& sink : sinks_) sink->Tell(event);
  }

 private:
  std::vector<std::shared_ptr<Sink>> sinks_;
};

// LabelValue escapes what the exposition format does not allow in a label. Hosts are canonical and
// hold none of it; events of a program's own making may.
std::string LabelValue(std::string_view text) {
  std::string value;
  for (const char c : text) {
    if (c == '\\' || c == '"') value += '\\';
    if (c == '\n') {
      value += "\\n";
    } else {
      value += c;
    }
  }
  return value;
}

class HostCounters final : public Counters {
 public:
  void Tell(const ViolationEvent& event) noexcept override {
    const std::lock_guard lock(mutex_);
    try {
      const bool fits = counts_.size() < kMaxCountedHosts || counts_.contains(event.host);
      ++(fits ? counts_[event.host] : other_);
    } catch (...) {
      ++other_;  // no memory for one more host
    }
  }

  std::string Text() const override {
    std::string text =
        "# HELP ssl_pin_failure Connections whose verified path did not satisfy the pins.\n"
        "# TYPE ssl_pin_failure counter\n";
    const std::lock_guard lock(mutex_);
    for (const auto& [host, count] : counts_) AppendSample(host, count, text);
    if (other_ != 0) AppendSample(kOtherHosts, other_, text);
    return text;
  }

  std::uint64_t Count(std::string_view host) const override {
    const std::lock_guard lock(mutex_);
    if (host == kOtherHosts) return other_;
    const auto found = counts_.find(host);
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  static void AppendSample(std::string_view host, std::uint64_t count, std::string& text) {
    text += "ssl_pin_failure{host=\"" + LabelValue(host) + "\"} " + std::to_string(count) + "\n";
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  std::uint64_t other_ = 0;
};

class RateLimited final : public Sink {
 public:
  RateLimited(std::shared_ptr<Sink> sink, RateLimit limit)
      : sink_(std::move(sink)),
        burst_(std::max<std::uint32_t>(limit.burst, 1)),
        interval_(std::max<std::int64_t>(limit.interval_seconds, 1)) {}

  void Tell(const ViolationEvent& event) noexcept override {
    if (!sink_) return;
    try {
      const std::optional<std::uint64_t> held = Take(event);
      if (!held) return;
      if (*held == 0) return sink_->Tell(event);
      ViolationEvent with_count = event;
      with_count.message += " (" + std::to_string(*held) + " like it were held back)";
      sink_->Tell(with_count);
    } catch (...) {
      sink_->Tell(event);  // no memory to limit with: better once too often
    }
  }

 private:
  struct Bucket {
    std::int64_t tokens;
    std::int64_t filled;  // when the last token was added
    std::uint64_t held = 0;
  };

  // Take is how many events were held back before this one, nullopt where it is held back itself.
  std::optional<std::uint64_t> Take(const ViolationEvent& event) {
    const std::int64_t now = event.time.unix_seconds;
    const std::lock_guard lock(mutex_);
    if (buckets_.size() >= kMaxRemembered && !buckets_.contains(event.host)) buckets_.clear();
    const auto [entry, added] = buckets_.try_emplace(event.host, Bucket{burst_, now});
    Bucket& bucket = entry->second;
    if (now < bucket.filled) bucket.filled = now;  // a clock that was set back
    const std::int64_t earned = (now - bucket.filled) / interval_;
    bucket.filled += earned * interval_;
    bucket.tokens = std::min<std::int64_t>(burst_, bucket.tokens + earned);
    if (bucket.tokens == 0) {
      ++bucket.held;
      return std::nullopt;
    }
    --bucket.tokens;
    return std::exchange(bucket.held, 0);
  }

  std::shared_ptr<Sink> sink_;
  std::int64_t burst_;
  std::int64_t interval_;
  std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

class Blocks final : public HostBlock {
 public:
  explicit Blocks(std::int64_t seconds) : seconds_(seconds) {}

  void Tell(const ViolationEvent& event) noexcept override {
    if (event.outcome == Outcome::kReported) return;
    try {
      const std::lock_guard lock(mutex_);
      if (refused_.size() >= kMaxRemembered) refused_.clear();
      refused_[{event.host, event.port}] = event.time;
    } catch (...) {
      return;  // the connection is refused all the same, and the next one is judged again
    }
  }

  bool Blocked(std::string_view host, std::uint16_t port, Time now) const override {
    const std::lock_guard lock(mutex_);
    const auto found = refused_.find({std::string(host), port});
    if (found == refused_.end()) return false;
    const std::int64_t age = now.unix_seconds - found->second.unix_seconds;
    return age >= 0 && age < seconds_;
  }

 private:
  std::int64_t seconds_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::uint16_t>, Time> refused_;
};

}  // namespace

std::shared_ptr<Sink> MakeLogSink(LogFunction log) {
  return std::make_shared<LogSink>(std::move(log));
}

std::shared_ptr<Sink> MakeFanOut(std::vector<std::shared_ptr<Sink>> sinks) {
  return std::make_shared<FanOut>(std::move(sinks));
}

std::shared_ptr<Counters> MakeCounters() { return std::make_shared<HostCounters>(); }

std::shared_ptr<Sink> MakeRateLimited(std::shared_ptr<Sink> sink, RateLimit limit) {
  return std::make_shared<RateLimited>(std::move(sink), limit);
}

std::shared_ptr<HostBlock> MakeHostBlock(std::int64_t seconds) {
  return std::make_shared<Blocks>(seconds);
}

}  // namespace cotter::report
