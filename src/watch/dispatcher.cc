// SPDX-License-Identifier: Apache-2.0
#include "watch/dispatcher.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace cotter::watch {
namespace {

using base::Level;
using base::WriteLog;

// How often Alertmanager is reminded; a fifth of the time after which it forgets.
constexpr std::chrono::seconds kReminder{kAlertLifetimeSeconds / 5};

}  // namespace

Dispatcher::Slot* Dispatcher::Find(const std::string& name) {
  for (const auto& slot : slots_) {
    if (slot->config.name == name) return slot.get();
  }
  return nullptr;
}

Result<void> Dispatcher::Configure(const std::vector<SinkConfig>& sinks,
                                   const DeliveryConfig& delivery) {
  const Result<Carriers> carriers = MakeCarriers(delivery);
  if (!carriers) return carriers.error();
  std::vector<std::shared_ptr<Sink>> made;
  for (const SinkConfig& config : sinks) {
    Result<std::unique_ptr<Sink>> sink = MakeSink(config, *carriers);
    if (!sink) {
      return Error{sink.error().code, "sink " + config.name + ": " + sink.error().message};
    }
    made.push_back(*std::move(sink));
  }
  std::vector<std::unique_ptr<Slot>> slots;
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    auto slot = std::make_unique<Slot>();
    slot->config = sinks[i];
    slot->sink = made[i];
    slot->worker = std::make_unique<Worker>(loop_);
    if (Slot* const old = Find(sinks[i].name); old != nullptr) {
      // Waits for what is being sent, whose end nobody would take note of: it is sent again.
      old->worker.reset();
      for (const OutboxEntry* const entry : old->outbox.EntriesInOrder()) {
        static_cast<void>(slot->outbox.Add(entry->id, entry->notification));
      }
      slot->sent = old->sent;
    }
    slots.push_back(std::move(slot));
  }
  for (const auto& old : slots_) {
    const bool stays = std::any_of(sinks.begin(), sinks.end(), [&](const SinkConfig& config) {
      return config.name == old->config.name;
    });
    if (stays) continue;
    for (const OutboxEntry* const entry : old->outbox.EntriesInOrder()) state_.DropEntry(entry->id);
  }
  slots_ = std::move(slots);
  return Ok();
}

void Dispatcher::Restore(std::vector<StoredEntry> entries) {
  for (StoredEntry& stored : entries) {
    last_id_ = std::max(last_id_, stored.entry.id);
    Slot* const slot = Find(stored.sink);
    if (slot == nullptr) {
      WriteLog(Level::kWarning, "alert_dropped",
               {{"sink", stored.sink}, {"alert", stored.entry.notification.Key()}});
      state_.DropEntry(stored.entry.id);
      continue;
    }
    const std::int64_t id = stored.entry.id;
    for (const std::int64_t removed :
         slot->outbox.Add(id, std::move(stored.entry.notification)).removed) {
      state_.DropEntry(removed);
    }
  }
}

bool Dispatcher::Wants(const Slot& slot, const Notification& notification) {
  const SinkConfig& config = slot.config;
  const Severity told = std::max(notification.condition.severity,
                                 notification.previous_severity.value_or(Severity::kWarning));
  if (told < config.at_least) return false;
  if (notification.notice == Notice::kResolved && !config.recoveries) return false;
  // That a sink takes nothing is for the others.
  if (notification.condition.code == Code::kAlertUndelivered &&
      notification.subject.name == config.name) {
    return false;
  }
  return config.groups.empty() || notification.subject.group.empty() ||
         std::find(config.groups.begin(), config.groups.end(), notification.subject.group) !=
             config.groups.end();
}

void Dispatcher::Notify(const Notification& notification) {
  for (const auto& slot : slots_) {
    if (!Wants(*slot, notification)) continue;
    const std::uint64_t dropped = slot->outbox.dropped();
    const Outbox::Added added = slot->outbox.Add(++last_id_, notification);
    state_.PutEntry(slot->config.name, {added.id, notification});
    for (const std::int64_t removed : added.removed) state_.DropEntry(removed);
    if (slot->outbox.dropped() != dropped) {
      WriteLog(Level::kError, "alert_dropped",
               {{"sink", slot->config.name}, {"message", "too many alerts wait for it"}});
    }
  }
}

void Dispatcher::Pump(SteadyTime now, Time wall,
                      const std::function<std::vector<Notification>()>& firing) {
  for (const auto& slot : slots_) {
    if (slot->worker->is_busy()) continue;
    if (const OutboxEntry* const entry = slot->outbox.Front(now)) {
      Send(*slot, *entry, wall);
    } else if (slot->config.kind == SinkKind::kAlertmanager && slot->outbox.size() == 0 &&
               now - slot->reminded >= kReminder) {
      Remind(*slot, now, wall, firing());
    }
  }
}

void Dispatcher::Send(Slot& slot, const OutboxEntry& entry, Time wall) {
  const std::int64_t id = entry.id;
  const Notification notification = entry.notification;
  slot.outbox.Begin();
  slot.worker->Run(
      [sink = slot.sink, notification, wall] {
        return sink->Tell({&notification, 1}, wall);
      },
      [this, name = slot.config.name, id](const Result<void>& sent) { OnSent(name, id, sent); });
}

void Dispatcher::OnSent(const std::string& name, std::int64_t id, const Result<void>& sent) {
  Slot* const slot = Find(name);
  if (slot == nullptr) return;
  if (sent) {
    ++slot->sent;
    slot->last_error.clear();
    slot->outbox.Sent();
    state_.DropEntry(id);
    return;
  }
  slot->outbox.Failed(std::chrono::steady_clock::now());
  if (slot->last_error != sent.error().message) {
    WriteLog(Level::kError, "alert_undelivered",
             {{"sink", name},
              {"message", sent.error().message},
              {"waiting", static_cast<std::int64_t>(slot->outbox.size())}});
  }
  slot->last_error = sent.error().message;
}

void Dispatcher::Remind(Slot& slot, SteadyTime now, Time wall, std::vector<Notification> firing) {
  slot.reminded = now;
  std::erase_if(firing, [&](const Notification& one) { return !Wants(slot, one); });
  if (firing.empty()) return;
  slot.worker->Run(
      [sink = slot.sink, firing = std::move(firing), wall] { return sink->Tell(firing, wall); },
      [name = slot.config.name](const Result<void>& sent) {
        if (sent) return;
        // It is told again soon; what is new waits in the outbox, and counts as undelivered there.
        WriteLog(Level::kWarning, "reminder_failed",
                 {{"sink", name}, {"message", sent.error().message}});
      });
}

void Dispatcher::PutAll() {
  for (const auto& slot : slots_) {
    for (const OutboxEntry* const entry : slot->outbox.EntriesInOrder()) {
      state_.PutEntry(slot->config.name, *entry);
    }
  }
}

bool Dispatcher::is_idle(SteadyTime now) const {
  return std::all_of(slots_.begin(), slots_.end(), [now](const std::unique_ptr<Slot>& slot) {
    return !slot->worker->is_busy() && slot->outbox.Front(now) == nullptr;
  });
}

std::vector<Dispatcher::SinkFacts> Dispatcher::Facts() const {
  std::vector<SinkFacts> facts;
  for (const auto& slot : slots_) {
    facts.push_back({.name = slot->config.name,
                     .waiting = slot->outbox.size(),
                     .sent = slot->sent,
                     .failed = slot->outbox.failures(),
                     .dropped = slot->outbox.dropped(),
                     .failing_in_a_row = slot->outbox.failing_in_a_row(),
                     .last_error = slot->last_error});
  }
  return facts;
}

}  // namespace cotter::watch
