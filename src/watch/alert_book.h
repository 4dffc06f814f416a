// SPDX-License-Identifier: Apache-2.0
//
// Which alerts are open, and what has to be said about them. Conditions come in as a whole for each
// subject (a server, a vantage point, watch itself), again and again; somebody is told when one has
// held for as long as its rule says, when it gets worse, and when it is over, and never twice of
// one thing. Times run on the monotonic clock, so a wall clock that is set fires and ends nothing.
// For one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "watch/config.h"
#include "watch/rule_table.h"
#include <cotter/code.h>
#include <cotter/time.h>

namespace cotter::watch {

// Subject is what an alert is about, with what routes it.
struct Subject {
  std::string name;  // "api.example.com:443", the name of a vantage point or a sink, "watch"
  std::string host;  // "api.example.com"; empty where it is no server
  std::string group;
  std::string region;
  std::string vendor;
  std::string owner;
};

// Condition is something that is so at the moment.
struct Condition {
  Code code;
  Severity severity;
  std::string text;     // one line for people: "SSL pin mismatch: api.example.com"
  std::string details;  // more of it; may be empty
};

// AlertState is where an alert stands.
enum class AlertState : std::uint8_t {
  kPending,  // it holds, but not for long enough
  kFiring,   // told
};

// Alert is one of the book.
struct Alert {
  Subject subject;
  Condition condition;
  AlertState state = AlertState::kPending;
  Time since;                                                 // by the wall clock, for people
  std::chrono::steady_clock::time_point changed{};            // when the state began
  std::optional<std::chrono::steady_clock::time_point> gone;  // since when it does not hold
};

// What is told of an alert.
enum class Notice : std::uint8_t { kFiring, kWorse, kResolved };

// NameOf is "firing" or "resolved". Static storage.
[[nodiscard]] std::string_view NameOf(Notice notice) noexcept;

// Notification is one thing to tell.
struct Notification {
  Notice notice = Notice::kFiring;
  Subject subject;
  Condition condition;
  Time since;
  std::optional<Time> until;                  // of kResolved
  std::optional<Severity> previous_severity;  // of kWorse: what it was told as

  // Key is the same for every notice of one alert: "pin_mismatch/api.example.com:443". Allocates.
  [[nodiscard]] std::string Key() const;
};

// Whether rules of the clock are to be believed.
enum class ClockTrust : std::uint8_t { kTrusted, kInDoubt };

// Moment is now, by both clocks.
struct Moment {
  std::chrono::steady_clock::time_point steady;
  Time wall;
  ClockTrust trust = ClockTrust::kTrusted;
};

// Whether everybody has been heard who decides together. Until they are, what they agreed on before
// is not taken back.
enum class Quorum : std::uint8_t { kComplete, kAwaited };

class AlertBook {
 public:
  using RuleConfigs = std::map<Code, RuleConfig>;

  // Configure takes the changes of the rules' times and severities; it may be called again.
  void Configure(RuleConfigs rules) { rules_ = std::move(rules); }

  // Update holds what is so of `subject` now against the book, and is what has to be told. Rules of
  // the clock stand still while it is in doubt, and alerts that vantage points decide stay open
  // while some of them are awaited.
  [[nodiscard]] std::vector<Notification> Update(const Subject& subject,
                                                 std::span<const Condition> conditions,
                                                 const Moment& now,
                                                 Quorum quorum = Quorum::kComplete);

  // Forget resolves every alert of subjects that are not among `names`: those that a new
  // configuration does not have.
  [[nodiscard]] std::vector<Notification> Forget(const std::set<std::string, std::less<>>& names,
                                                 const Moment& now);

  // Restore puts back an alert that was firing when the last process ended: it is not told again.
  void Restore(Subject subject, Condition condition, Time since);

  // Firing is every alert that somebody was told of.
  [[nodiscard]] std::vector<const Alert*> Firing() const;

  // IsFiring reports whether that alert is open.
  [[nodiscard]] bool IsFiring(Code code, std::string_view subject) const;

  [[nodiscard]] std::size_t size() const noexcept { return alerts_.size(); }

  // IsRestless reports whether time alone may change what is to be told of `subject`: something has
  // not held for long enough, or has not been away for long enough.
  [[nodiscard]] bool IsRestless(std::string_view subject) const;

 private:
  using Key = std::pair<std::string, Code>;

  [[nodiscard]] const RuleConfig* ConfigOf(Code code) const;
  [[nodiscard]] std::chrono::seconds HoldOf(Code code) const;
  void Hold(Alert& alert, const Condition& condition, const Moment& now,
            std::vector<Notification>& told) const;
  static Notification Resolve(const Alert& alert, Time now);

  RuleConfigs rules_;
  std::map<Key, Alert> alerts_;
};

}  // namespace cotter::watch
