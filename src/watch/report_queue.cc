// SPDX-License-Identifier: Apache-2.0
#include "watch/report_queue.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <system_error>

#include "watch/observation.h"

namespace cotter::watch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kOk = 200;
constexpr int kBadRequest = 400;
constexpr int kGone = 410;
constexpr int kTooLarge = 413;
constexpr int kUnprocessable = 422;

// What was sent is at fault, and would be again.
bool IsRefusal(int status) noexcept {
  return status == kBadRequest || status == kTooLarge || status == kUnprocessable;
}

}  // namespace

std::optional<seconds> ReadRetryAfter(std::string_view value) {
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  std::uint32_t count = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), count);
  if (failure != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return seconds(count);
}

void ReportQueue::Add(ServerFacts facts) {
  std::string name = facts.target;
  waiting_.insert_or_assign(std::move(name), std::move(facts));
}

void ReportQueue::Keep(const std::function<bool(const std::string&)>& is_watched) {
  std::erase_if(waiting_, [&](const auto& one) { return !is_watched(one.first); });
  for (Batch& part : parts_) {
    std::erase_if(part, [&](const auto& one) { return !is_watched(one.first); });
  }
  std::erase_if(parts_, [](const Batch& part) { return part.empty(); });
  stopped_ = false;
  due_ = {};
}

std::optional<std::string> ReportQueue::Next(SteadyTime now) {
  if (stopped_ || !sending_.empty() || now < due_) return std::nullopt;
  if (parts_.empty()) {
    if (waiting_.empty()) return std::nullopt;
    return FormatBatch(waiting_, sending_);
  }
  // A part of a batch is no larger than it was, so one envelope takes all of it.
  Batch part = std::move(parts_.front());
  parts_.pop_front();
  std::string json = FormatBatch(part, sending_);
  if (!part.empty()) parts_.push_front(std::move(part));
  return json;
}

ReportQueue::Outcome ReportQueue::Answered(const Answer& answer, SteadyTime now) {
  if (answer.status == kOk) {
    failures_ = 0;
    ++sent_;
    sending_.clear();
    return {.taken = true};
  }
  if (IsRefusal(answer.status)) return Refused();
  PutOff(answer, now);
  return {};
}

ReportQueue::Outcome ReportQueue::Refused() {
  failures_ = 0;  // somebody is there, and reads
  Batch batch = std::exchange(sending_, {});
  if (batch.size() == 1) {
    ++dropped_;
    return {.dropped = batch.begin()->first};
  }
  Batch first;
  const std::size_t half = batch.size() / 2;
  while (first.size() < half) first.insert(batch.extract(batch.begin()));
  parts_.push_front(std::move(batch));
  parts_.push_front(std::move(first));
  return {};
}

void ReportQueue::PutOff(const Answer& answer, SteadyTime now) {
  if (answer.status == kGone) stopped_ = true;
  ++failures_;
  // Newer looks at the same servers stay.
  waiting_.merge(sending_);
  sending_.clear();
  for (Batch& part : parts_) waiting_.merge(part);
  parts_.clear();
  constexpr std::uint64_t kMostDoublings = 10;
  const std::uint64_t doublings = std::min(failures_ - 1, kMostDoublings);
  const milliseconds limit = std::min<milliseconds>(kFirstRetry * (1U << doublings), kLongestRetry);
  const auto range = static_cast<std::uint64_t>(limit.count()) + 1;
  milliseconds pause(static_cast<std::int64_t>(random_() % range));
  if (answer.retry_after) {
    pause = std::max<milliseconds>(pause, std::min(*answer.retry_after, kLongestAsked));
  }
  due_ = now + pause;
}

std::size_t ReportQueue::size() const noexcept {
  std::size_t count = waiting_.size() + sending_.size();
  for (const Batch& part : parts_) count += part.size();
  return count;
}

}  // namespace cotter::watch
