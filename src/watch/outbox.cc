// SPDX-License-Identifier: Apache-2.0
#include "watch/outbox.h"

#include <algorithm>

namespace cotter::watch {

void Outbox::Remove(std::int64_t id, Added& added) {
  const auto place = entries_.find(id);
  const Notification& notification = place->second.notification;
  const Kind kind{notification.Key(), notification.notice == Notice::kResolved};
  if (const auto latest = latest_.find(kind); latest != latest_.end() && latest->second == id) {
    latest_.erase(latest);
  }
  recoveries_.erase(id);
  entries_.erase(place);
  added.removed.push_back(id);
}

Outbox::Added Outbox::Add(std::int64_t id, Notification notification) {
  Added added{.id = id, .removed = {}};
  const Kind kind{notification.Key(), notification.notice == Notice::kResolved};
  if (const auto older = latest_.find(kind); older != latest_.end() && older->second != sending_) {
    // An alert that got worse keeps what its receiver may have been told before.
    const Notification& replaced = entries_.at(older->second).notification;
    if (!notification.previous_severity) {
      notification.previous_severity = replaced.previous_severity;
    }
    Remove(older->second, added);
  }
  if (entries_.size() >= kMaxWaiting) {
    auto victim = recoveries_.begin();
    if (victim != recoveries_.end() && *victim == sending_) ++victim;
    auto oldest = entries_.begin();
    if (oldest->first == sending_) ++oldest;
    Remove(victim != recoveries_.end() ? *victim : oldest->first, added);
    ++dropped_;
  }
  latest_[kind] = id;
  if (kind.second) recoveries_.insert(id);
  entries_.emplace(id, OutboxEntry{id, std::move(notification)});
  return added;
}

const OutboxEntry* Outbox::Front(SteadyTime now) const {
  if (entries_.empty() || sending_ || now < due_) return nullptr;
  return &entries_.begin()->second;
}

std::vector<const OutboxEntry*> Outbox::EntriesInOrder() const {
  std::vector<const OutboxEntry*> list;
  for (const auto& entry : entries_) list.push_back(&entry.second);
  return list;
}

void Outbox::Sent() {
  Added ignored;
  if (sending_ && entries_.contains(*sending_)) Remove(*sending_, ignored);
  sending_.reset();
  in_a_row_ = 0;
  due_ = {};
}

void Outbox::Failed(SteadyTime now) {
  sending_.reset();
  ++failures_;
  constexpr std::uint64_t kDoublings = 8;  // over which the pause is the longest anyway
  const auto pause = kFirstPause * (1 << std::min(in_a_row_, kDoublings));
  due_ = now + std::min<std::chrono::seconds>(pause, kLongestPause);
  ++in_a_row_;
}

}  // namespace cotter::watch
