// SPDX-License-Identifier: Apache-2.0
#include "watch/alert_book.h"

#include <algorithm>

namespace cotter::watch {
namespace {

using std::chrono::seconds;

// What comes and goes is over when it has been away for as long as it had to hold, within this.
constexpr seconds kLongestAbsence{300};

bool IsOfClock(Code code) {
  const Rule* const rule = FindRule(code);
  return rule != nullptr && rule->basis == Basis::kClock;
}

// IsOfInterception names what an interceptor causes, who may be on the way at every other look
// only: a look without it does not take back the one before.
bool IsOfInterception(Code code) { return code == Code::kPinMismatch || code == Code::kPkiError; }

// IsOfVantages names what vantage points decide together: see judge.h.
bool IsOfVantages(Code code) {
  switch (code) {
    case Code::kPinMismatch:
    case Code::kPkiError:
    case Code::kRevoked:
    case Code::kCertExpired:
    case Code::kUnreachable:
    case Code::kVantageDisagreement:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view NameOf(Notice notice) noexcept {
  return notice == Notice::kResolved ? "resolved" : "firing";
}

std::string Notification::Key() const {
  return std::string(NameOf(condition.code)) + "/" + subject.name;
}

const RuleConfig* AlertBook::ConfigOf(Code code) const {
  const auto found = rules_.find(code);
  return found == rules_.end() ? nullptr : &found->second;
}

seconds AlertBook::HoldOf(Code code) const {
  if (const RuleConfig* const config = ConfigOf(code); config != nullptr && config->hold) {
    return *config->hold;
  }
  const Rule* const rule = FindRule(code);
  return rule == nullptr ? seconds(0) : rule->hold;
}

Notification AlertBook::Resolve(const Alert& alert, Time now) {
  return {.notice = Notice::kResolved,
          .subject = alert.subject,
          .condition = alert.condition,
          .since = alert.since,
          .until = now,
          .previous_severity = std::nullopt};
}

void AlertBook::Hold(Alert& alert, const Condition& condition, const Moment& now,
                     std::vector<Notification>& told) const {
  const Severity was = alert.condition.severity;
  alert.condition = condition;
  alert.gone.reset();
  if (alert.state == AlertState::kPending) {
    if (now.steady - alert.changed < HoldOf(condition.code)) return;
    alert.state = AlertState::kFiring;
    alert.changed = now.steady;
    told.push_back({.notice = Notice::kFiring,
                    .subject = alert.subject,
                    .condition = condition,
                    .since = alert.since,
                    .until = std::nullopt,
                    .previous_severity = std::nullopt});
    return;
  }
  if (condition.severity <= was) {
    // What got better is not told, and is not told as new when it gets worse again.
    alert.condition.severity = was;
    return;
  }
  told.push_back({.notice = Notice::kWorse,
                  .subject = alert.subject,
                  .condition = condition,
                  .since = alert.since,
                  .until = std::nullopt,
                  .previous_severity = was});
}

std::vector<Notification> AlertBook::Update(const Subject& subject,
                                            std::span<const Condition> conditions,
                                            const Moment& now, Quorum quorum) {
  std::vector<Notification> told;
  const bool in_doubt = now.trust == ClockTrust::kInDoubt;
  std::set<Code> present;
  for (Condition condition : conditions) {
    const RuleConfig* const config = ConfigOf(condition.code);
    if (config != nullptr && !config->enabled) continue;
    if (in_doubt && IsOfClock(condition.code)) continue;
    if (config != nullptr && config->severity) condition.severity = *config->severity;
    present.insert(condition.code);
    const auto [place, added] = alerts_.try_emplace(Key{subject.name, condition.code});
    Alert& alert = place->second;
    alert.subject = subject;
    if (added) {
      alert.condition = condition;
      alert.since = now.wall;
      alert.changed = now.steady;
    }
    Hold(alert, condition, now, told);
  }
  for (auto entry = alerts_.lower_bound(Key{subject.name, Code{}});
       entry != alerts_.end() && entry->first.first == subject.name;) {
    Alert& alert = entry->second;
    const Code code = entry->first.second;
    if (present.contains(code) || (in_doubt && IsOfClock(code))) {
      ++entry;
      continue;
    }
    const bool is_firing = alert.state == AlertState::kFiring;
    if (is_firing && quorum == Quorum::kAwaited && IsOfVantages(code)) {
      ++entry;
      continue;
    }
    if (is_firing || IsOfInterception(code)) {
      if (!alert.gone) alert.gone = now.steady;
      const seconds absence = is_firing ? HoldOf(code) : 2 * HoldOf(code);
      if (now.steady - *alert.gone < std::min(absence, kLongestAbsence)) {
        ++entry;
        continue;
      }
    }
    if (is_firing) told.push_back(Resolve(alert, now.wall));
    entry = alerts_.erase(entry);
  }
  return told;
}

std::vector<Notification> AlertBook::Forget(const std::set<std::string, std::less<>>& names,
                                            const Moment& now) {
  std::vector<Notification> told;
  for (auto entry = alerts_.begin(); entry != alerts_.end();) {
    if (names.contains(entry->first.first)) {
      ++entry;
      continue;
    }
    if (entry->second.state == AlertState::kFiring)
      told.push_back(Resolve(entry->second, now.wall));
    entry = alerts_.erase(entry);
  }
  return told;
}

void AlertBook::Restore(Subject subject, Condition condition, Time since) {
  Key key{subject.name, condition.code};
  alerts_[std::move(key)] = Alert{.subject = std::move(subject),
                                  .condition = std::move(condition),
                                  .state = AlertState::kFiring,
                                  .since = since,
                                  .changed = {},
                                  .gone = std::nullopt};
}

std::vector<const Alert*> AlertBook::Firing() const {
  std::vector<const Alert*> firing;
  for (const auto& [key, alert] : alerts_) {
    if (alert.state == AlertState::kFiring) firing.push_back(&alert);
  }
  return firing;
}

bool AlertBook::IsFiring(Code code, std::string_view subject) const {
  const auto found = alerts_.find(Key{std::string(subject), code});
  return found != alerts_.end() && found->second.state == AlertState::kFiring;
}

bool AlertBook::IsRestless(std::string_view subject) const {
  auto entry = alerts_.lower_bound(Key{std::string(subject), Code{}});
  for (; entry != alerts_.end() && entry->first.first == subject; ++entry) {
    if (entry->second.state == AlertState::kPending || entry->second.gone) return true;
  }
  return false;
}

}  // namespace cotter::watch
