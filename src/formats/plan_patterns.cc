// SPDX-License-Identifier: Apache-2.0
//
// FitPatterns: patterns of a plan brought to what a format can name.
#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "formats/plan.h"

namespace cotter::formats {
namespace {

using Kind = HostPattern::Kind;

bool SamePins(const PlanRule& a, const PlanRule& b) {
  const auto holds = [](const PlanRule& all, const PlanRule& some) {
    return std::ranges::all_of(some.pins, [&](const PolicyPin& entry) {
      return std::ranges::any_of(all.pins, [&](const PolicyPin& other) {
        return other.pin.digest == entry.pin.digest && other.pin.kind == entry.pin.kind &&
               other.pin.place == entry.pin.place;
      });
    });
  };
  return holds(a, b) && holds(b, a);
}

bool SameContent(const PlanRule& a, const PlanRule& b) {
  return a.mode == b.mode && a.require == b.require && a.expires == b.expires && SamePins(a, b);
}

HostPattern ExactOf(const PlanRule& rule) {
  Result<HostPattern> exact = HostPattern::Parse(rule.pattern.base().text());
  COTTER_CHECK(exact.has_value());
  return *std::move(exact);
}

// Bases finds the rules of a name, and of the names above it.
class Bases {
 public:
  explicit Bases(const std::vector<PlanRule>& rules) {
    for (const PlanRule& rule : rules) {
      by_base_[rule.pattern.base().text()][static_cast<std::size_t>(rule.pattern.kind())] = &rule;
    }
  }

  [[nodiscard]] const PlanRule* Find(std::string_view base, Kind kind) const {
    const auto found = by_base_.find(base);
    return found == by_base_.end() ? nullptr : found->second[static_cast<std::size_t>(kind)];
  }

  // Above calls `visit` for every rule of a wider pattern that covers a host of `pattern` too.
  template <typename Visit>
  void Above(const HostPattern& pattern, Visit visit) const {
    const std::string_view base = pattern.base().text();
    if (pattern.kind() != Kind::kAllDepths) Offer(base, Kind::kAllDepths, visit);
    if (pattern.base().is_ip()) return;
    bool direct = pattern.kind() != Kind::kOneLabel;  // an apex is one label below its parent
    for (std::size_t dot = base.find('.'); dot != std::string_view::npos;
         dot = base.find('.', dot + 1)) {
      if (direct) Offer(base.substr(dot + 1), Kind::kOneLabel, visit);
      direct = false;
      Offer(base.substr(dot + 1), Kind::kAllDepths, visit);
    }
  }

 private:
  template <typename Visit>
  void Offer(std::string_view base, Kind kind, Visit& visit) const {
    if (const PlanRule* rule = Find(base, kind)) visit(*rule);
  }

  std::unordered_map<std::string_view, std::array<const PlanRule*, 3>> by_base_;
};

// LoseUnion tells what adding up the pins of all matching patterns does to narrower rules.
void LoseUnion(Plan& plan) {
  const Bases bases(plan.rules);
  for (const PlanRule& rule : plan.rules) {
    bases.Above(rule.pattern, [&](const PlanRule& wider) {
      if (wider.mode == Mode::kOff) return;
      const std::string name = rule.pattern.ToString();
      if (rule.mode == Mode::kOff) {
        plan.Lose(name, Severity::kStricter,
                  "cannot be left out: " + wider.pattern.ToString() + " covers it");
      } else if (!SamePins(rule, wider)) {
        plan.Lose(name, Severity::kEnforcement,
                  "the pins of " + wider.pattern.ToString() + " are accepted here too");
      }
    });
  }
  std::erase_if(plan.rules, [](const PlanRule& rule) { return rule.mode == Mode::kOff; });
}

// SplitDepths writes **.x as x and *.x, for formats that have no **.
void SplitDepths(Plan& plan) {
  std::unordered_set<std::string> ruled;
  for (const PlanRule& rule : plan.rules) ruled.insert(rule.pattern.ToString());
  std::vector<PlanRule> rules;
  for (PlanRule& rule : plan.rules) {
    if (rule.pattern.kind() != Kind::kAllDepths) {
      rules.push_back(std::move(rule));
      continue;
    }
    const std::string base(rule.pattern.base().text());
    if (rule.mode != Mode::kOff) {
      plan.Lose("**." + base, Severity::kEnforcement,
                "only " + base + " and *." + base + " are pinned: deeper names are not");
    }
    for (const std::string& text : {base, "*." + base}) {
      const Result<HostPattern> pattern = HostPattern::Parse(text);
      if (!pattern || ruled.contains(text)) continue;
      PlanRule part = rule;
      part.pattern = *pattern;
      rules.push_back(std::move(part));
    }
  }
  plan.rules = std::move(rules);
}

// SuffixFitter makes one entry of the up to three patterns that a name can have.
class SuffixFitter {
 public:
  SuffixFitter(Plan& plan, const Speech& speech) : plan_(plan), speech_(speech) {}

  void Run() {
    const std::vector<PlanRule> rules = std::exchange(plan_.rules, {});
    const Bases bases(rules);
    for (const PlanRule& rule : rules) {
      const std::string_view base = rule.pattern.base().text();
      const PlanRule* exact = bases.Find(base, Kind::kExact);
      const PlanRule* one = bases.Find(base, Kind::kOneLabel);
      const PlanRule* all = bases.Find(base, Kind::kAllDepths);
      // The name's entry stands where the last of its rules stood.
      const PlanRule* last = nullptr;
      for (const PlanRule* each : {exact, one, all}) {
        if (each != nullptr && (last == nullptr || each > last)) last = each;
      }
      if (last == &rule) plan_.rules.push_back(Entry(bases, exact, one, all));
    }
    if (speech_.exclusions) return;
    LoseExclusions();
    std::erase_if(plan_.rules, [](const PlanRule& rule) { return rule.mode == Mode::kOff; });
  }

 private:
  PlanRule Entry(const Bases& bases, const PlanRule* exact, const PlanRule* one,
                 const PlanRule* all) {
    if (one == nullptr && all == nullptr) return Named(*exact, false);
    if (one != nullptr && all == nullptr) LoseOneLabel(bases, *one, exact);
    PlanRule wild = Named(one != nullptr ? *one : *all, true);
    if (one != nullptr && all != nullptr) wild = Merge(*one, *all);
    if (exact == nullptr) return wild;
    if (exact->mode != Mode::kOff && wild.mode == Mode::kOff) {
      bases.Above(exact->pattern, [&](const PlanRule& wider) {
        if (wider.mode == Mode::kOff || wider.pattern.base() == exact->pattern.base()) return;
        plan_.Lose("**." + std::string(exact->pattern.base().text()), Severity::kStricter,
                   "cannot be left out: " + wider.pattern.ToString() + " covers it");
      });
      return Named(*exact, false);
    }
    return Merge(*exact, wild);
  }

  static PlanRule Named(const PlanRule& rule, bool include_subdomains) {
    PlanRule named = rule;
    named.pattern = ExactOf(rule);
    named.include_subdomains = include_subdomains;
    return named;
  }

  PlanRule Merge(const PlanRule& a, const PlanRule& b) {
    PlanRule merged = Named(a, true);
    if (SameContent(a, b)) return merged;
    const std::string name(a.pattern.base().text());
    const bool same_mode = a.mode == b.mode;
    if (!same_mode) {
      const bool a_wins = a.mode == Mode::kEnforce || b.mode == Mode::kOff;
      merged = Named(a_wins ? a : b, true);
      plan_.Lose(name, Severity::kStricter,
                 "the name and all below it are one entry here: all of it is pinned");
      return merged;
    }
    for (const PolicyPin& entry : b.pins) {
      const bool known = std::ranges::any_of(
          merged.pins, [&](const PolicyPin& other) { return other.pin == entry.pin; });
      if (!known) merged.pins.push_back(entry);
    }
    if (a.expires != b.expires) merged.expires.reset();
    if (b.require == Require::kAny) merged.require = Require::kAny;
    plan_.Lose(name, Severity::kEnforcement,
               "the name and all below it are one entry here, with the pins of all its rules");
    plan_.Lose(name, Severity::kStricter,
               "the entry is pinned as long as the strictest of its rules says");
    return merged;
  }

  void LoseOneLabel(const Bases& bases, const PlanRule& one, const PlanRule* exact) {
    const std::string name = one.pattern.ToString();
    if (one.mode != Mode::kOff) {
      plan_.Lose(name, Severity::kStricter,
                 exact == nullptr ? "the name itself and all deeper names are covered too"
                                  : "all deeper names are covered too");
    }
    bases.Above(ExactOf(one), [&](const PlanRule& wider) {
      if (wider.mode == Mode::kOff || SameContent(wider, one)) return;
      plan_.Lose(name, Severity::kEnforcement,
                 "names that " + wider.pattern.ToString() + " rules are covered by this entry");
    });
  }

  void LoseExclusions() {
    std::unordered_set<std::string_view> wider;
    for (const PlanRule& rule : plan_.rules) {
      if (rule.mode != Mode::kOff && rule.include_subdomains) {
        wider.insert(rule.pattern.base().text());
      }
    }
    for (const PlanRule& rule : plan_.rules) {
      if (rule.mode != Mode::kOff) continue;
      const std::string_view base = rule.pattern.base().text();
      for (std::size_t dot = base.find('.'); dot != std::string_view::npos;
           dot = base.find('.', dot + 1)) {
        if (!wider.contains(base.substr(dot + 1))) continue;
        plan_.Lose(
            std::string(base), Severity::kStricter,
            "cannot be left out: the entry of " + std::string(base.substr(dot + 1)) + " covers it");
        break;
      }
    }
  }

  Plan& plan_;
  const Speech& speech_;
};

// KeepNames drops patterns where a format has names alone.
void KeepNames(Plan& plan) {
  std::erase_if(plan.rules, [&](const PlanRule& rule) {
    if (rule.pattern.kind() == Kind::kExact) return rule.mode == Mode::kOff;
    if (rule.mode != Mode::kOff) {
      plan.Lose(rule.pattern.ToString(), Severity::kEnforcement,
                "is left out: only single names can be written; --host NAME exports one");
    }
    return true;
  });
}

}  // namespace

void FitPatterns(Plan& plan, const Speech& speech) {
  switch (speech.hosts) {
    case Hosts::kPatterns:
      return;
    case Hosts::kUnionOneLabel:
      SplitDepths(plan);
      return LoseUnion(plan);
    case Hosts::kUnion:
      return LoseUnion(plan);
    case Hosts::kSuffix:
      return SuffixFitter(plan, speech).Run();
    case Hosts::kNames:
      return KeepNames(plan);
  }
}

}  // namespace cotter::formats
