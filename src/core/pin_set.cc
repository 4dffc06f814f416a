// SPDX-License-Identifier: Apache-2.0
//
// Shared pin sets: what a rule gets from the sets that it extends.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <cotter/policy.h>

namespace cotter {
namespace {

std::string Line(std::uint32_t line) {
  return line == 0 ? "" : " (line " + std::to_string(line) + ")";
}

// PinList is pins in order, each property once.
class PinList {
 public:
  void Add(const PolicyPin& entry) {
    const Pin& pin = entry.pin;
    if (known_.emplace(pin.digest, pin.kind, pin.place).second) pins_.push_back(entry);
  }
  // Keep adds the pin whatever was there: what a rule says twice itself, lint tells.
  void Keep(const PolicyPin& entry) {
    known_.emplace(entry.pin.digest, entry.pin.kind, entry.pin.place);
    pins_.push_back(entry);
  }
  [[nodiscard]] std::vector<PolicyPin>& pins() { return pins_; }

 private:
  std::vector<PolicyPin> pins_;
  std::set<std::tuple<Digest, PinKind, PinPlace>> known_;
};

// Resolver takes the sets of one policy apart, each once.
class Resolver {
 public:
  explicit Resolver(const Policy& policy) : policy_(policy) {
    if (policy.pin_sets.size() > kMaxPinSets) {
      fault_ = Error{Code::kPolicyTooLarge,
                     "expected at most " + std::to_string(kMaxPinSets) + " pin sets"};
      return;
    }
    for (const PinSet& set : policy.pin_sets) {
      if (set.name.empty()) fault_ = Fault(set, "has no name");
      if (!sets_.emplace(set.name, State{&set}).second) fault_ = Fault(set, "is there twice");
    }
  }

  Result<std::vector<PolicyPin>> PinsFor(const HostRule& rule) {
    PinList list;
    for (const PolicyPin& entry : rule.pins) {
      if (entry.set.empty()) list.Keep(entry);
    }
    for (const std::string& name : rule.extends) {
      const std::vector<PolicyPin>* shared = Expand(name);
      if (shared == nullptr) {
        return Error{fault_->code, "host \"" + rule.pattern.ToString() + "\"" + Line(rule.line) +
                                       ": extends: " + fault_->message};
      }
      for (const PolicyPin& entry : *shared) list.Add(entry);
      if (list.pins().size() > kMaxPinsPerRule) {
        return Error{Code::kPolicyTooLarge, "host \"" + rule.pattern.ToString() + "\"" +
                                                Line(rule.line) + ": expected at most " +
                                                std::to_string(kMaxPinsPerRule) + " pins"};
      }
    }
    return std::move(list.pins());
  }

  // CheckSets expands every set, those that no rule uses among them.
  Result<void> CheckSets() {
    if (fault_) return *fault_;
    for (const PinSet& set : policy_.pin_sets) {
      if (Expand(set.name) == nullptr) return *fault_;
    }
    return Ok();
  }

 private:
  enum class Progress { kNew, kOpen, kDone };
  struct State {
    const PinSet* set;
    Progress progress = Progress::kNew;
    PinList list{};
  };
  // One open set and how many of the sets it extends are done.
  struct Frame {
    State* state;
    std::size_t next = 0;
  };

  static Error Fault(const PinSet& set, const std::string& what) {
    return {Code::kPolicyInvalid, "pin_set \"" + set.name + "\"" + Line(set.line) + " " + what};
  }

  State* Find(const std::string& name) {
    const auto found = sets_.find(name);
    if (found != sets_.end()) return &found->second;
    fault_ = Error{Code::kPolicyInvalid, "there is no [[pin_set]] named \"" + name + "\""};
    return nullptr;
  }

  // Expand is the pins of the set `name` and of all that it extends; null, with fault_ set, where
  // that cannot be. A stack of its own, so that a long chain of sets does not end the process.
  const std::vector<PolicyPin>* Expand(const std::string& name) {
    State* wanted = Find(name);
    if (wanted == nullptr) return nullptr;
    std::vector<Frame> open;
    if (wanted->progress != Progress::kDone) open.push_back(Open(*wanted));
    while (!open.empty()) {
      Frame& frame = open.back();
      State& state = *frame.state;
      if (frame.next == state.set->extends.size()) {
        state.progress = Progress::kDone;
        open.pop_back();
        continue;
      }
      State* base = Find(state.set->extends[frame.next]);
      if (base == nullptr) return nullptr;
      if (base->progress == Progress::kOpen) {
        fault_ = Fault(*base->set, "extends itself, by way of \"" + state.set->name + "\"");
        return nullptr;
      }
      if (base->progress == Progress::kNew) {
        open.push_back(Open(*base));
        continue;
      }
      for (const PolicyPin& entry : base->list.pins()) state.list.Add(entry);
      if (state.list.pins().size() > kMaxPinsPerRule) {
        fault_ = Error{Code::kPolicyTooLarge, "pin_set \"" + state.set->name + "\"" +
                                                  Line(state.set->line) + ": expected at most " +
                                                  std::to_string(kMaxPinsPerRule) + " pins"};
        return nullptr;
      }
      ++frame.next;
    }
    return &wanted->list.pins();
  }

  static Frame Open(State& state) {
    state.progress = Progress::kOpen;
    for (PolicyPin entry : state.set->pins) {
      entry.set = state.set->name;
      state.list.Keep(entry);
    }
    return {&state};
  }

  const Policy& policy_;
  std::map<std::string, State, std::less<>> sets_;
  std::optional<Error> fault_;
};

}  // namespace

Result<std::vector<PolicyPin>> PinsOf(const Policy& policy, const HostRule& rule) {
  Resolver resolver(policy);
  if (Result<void> sound = resolver.CheckSets(); !sound) return std::move(sound).error();
  return resolver.PinsFor(rule);
}

Result<void> ResolvePinSets(Policy& policy) {
  Resolver resolver(policy);
  if (Result<void> sound = resolver.CheckSets(); !sound) return sound;
  std::size_t total = 0;
  for (HostRule& rule : policy.hosts) {
    if (!rule.extends.empty()) {
      Result<std::vector<PolicyPin>> pins = resolver.PinsFor(rule);
      if (!pins) return std::move(pins).error();
      rule.pins = *std::move(pins);
    }
    total += rule.pins.size();
    if (total > kMaxPolicyPins) {
      return Error{Code::kPolicyTooLarge,
                   "expected at most " + std::to_string(kMaxPolicyPins) + " pins in all rules"};
    }
  }
  return Ok();
}

}  // namespace cotter
