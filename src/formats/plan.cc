// SPDX-License-Identifier: Apache-2.0
#include "formats/plan.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/policy_order.h"
#include "formats/provenance.h"

namespace cotter::formats {
namespace {

bool HasFacts(const HostRule& rule) {
  return !rule.owner.empty() || !rule.tags.empty() || !rule.reason.empty() || rule.updated ||
         rule.review || std::ranges::any_of(rule.pins, [](const PolicyPin& entry) {
           return !entry.label.empty() || entry.pin.use != PinUse::kActive;
         });
}

std::string PortsText(const HostRule& rule) {
  std::string text;
  for (const std::uint16_t port : rule.ports) {
    text += (text.empty() ? "" : ", ") + std::to_string(port);
  }
  return text;
}

// Planner turns one rule after the other into an entry.
class Planner {
 public:
  Planner(const Policy& policy, const Speech& speech, Plan& plan)
      : policy_(policy), speech_(speech), plan_(plan), revoked_(image::RevokedKeys(policy)) {}

  void WholePolicy() {
    if (policy_.unlisted == Unlisted::kRefuse && !speech_.unlisted) {
      plan_.Lose("", Severity::kEnforcement,
                 "unlisted = \"refuse\" is not carried: hosts without a rule connect");
    }
    if (!revoked_.empty() && !speech_.revoked) {
      plan_.Lose("", Severity::kEnforcement,
                 "revoked keys are not refused where another key of the path is pinned");
    }
    if (speech_.revoked) plan_.revoked = revoked_;
    if (policy_.partial_chain) {
      plan_.Lose("", Severity::kStricter,
                 "partial_chain is not carried: a path must end at a self-signed root");
    }
    if (!policy_.inspection_cas.empty()) {
      plan_.Lose("", Severity::kStricter,
                 "CAs that may inspect are not carried: pins hold for them");
    }
    if (!speech_.facts && std::ranges::any_of(policy_.hosts, HasFacts)) {
      plan_.Lose("", Severity::kNote,
                 "owners, tags, reasons, labels and uses of pins stay in the policy");
    }
  }

  void Add(const HostRule& source, const HostPattern& pattern) {
    PlanRule rule{.pattern = pattern, .mode = source.mode, .source = &source};
    rule.ports = source.ports;
    std::ranges::sort(rule.ports);
    rule.require = source.require;
    const std::string name = source.pattern.ToString();
    if (rule.mode == Mode::kReport && !speech_.report) {
      plan_.Lose(name, Severity::kNote,
                 "mode = \"report\" is not carried: the host is not pinned, and nothing is told");
      rule.mode = Mode::kOff;
    }
    if (rule.mode == Mode::kOff) {
      rule.require = Require::kAny;
    } else {
      FitRule(source, name, rule);
      if (rule.pins.empty()) {
        return plan_.LeaveOut(name, "no pin that this format can carry");
      }
    }
    plan_.rules.push_back(std::move(rule));
  }

  // MergePorts folds entries of one pattern together where ports cannot be told apart.
  void MergePorts() {
    if (speech_.ports) return;
    const bool wildcards = std::ranges::any_of(plan_.rules, [](const PlanRule& rule) {
      return rule.pattern.kind() != HostPattern::Kind::kExact;
    });
    std::vector<PlanRule> merged;
    std::unordered_map<std::string, std::size_t> places;
    for (PlanRule& rule : plan_.rules) {
      if (!rule.ports.empty()) {
        const bool off = rule.mode == Mode::kOff;
        plan_.Lose(rule.pattern.ToString(), Severity::kEnforcement,
                   "ports " + PortsText(*rule.source) + (off ? " are" : ": the pins are") +
                       " not told apart: the entry holds for every port, where the policy refuses "
                       "the others");
        if (wildcards && !off) {
          plan_.Lose(rule.pattern.ToString(), Severity::kStricter,
                     "on its other ports the entry holds where a wider rule of the policy does");
        }
      }
      rule.ports.clear();
      const auto [same, is_new] = places.emplace(rule.pattern.ToString(), merged.size());
      if (is_new) {
        merged.push_back(std::move(rule));
      } else {
        MergeInto(merged[same->second], rule);
      }
    }
    plan_.rules = std::move(merged);
  }

 private:
  void FitRule(const HostRule& source, const std::string& name, PlanRule& rule) {
    if (rule.require == Require::kLeafAndCa && !speech_.leaf_and_ca) {
      plan_.Lose(name, Severity::kEnforcement,
                 "require = \"leaf+ca\" is not carried: one matching pin is enough");
      rule.require = Require::kAny;
    }
    if (source.local_anchors == LocalAnchors::kRefuse && !speech_.local_anchors) {
      plan_.Lose(name, Severity::kEnforcement,
                 "local_anchors = \"refuse\" is not carried: roots added to the machine are "
                 "trusted, though their paths must be pinned too");
    }
    FitExpiry(source, name, rule);
    FitPins(source, name, rule);
  }

  void FitExpiry(const HostRule& source, const std::string& name, PlanRule& rule) {
    std::optional<Time> expires = source.expires;
    if (policy_.expires && (!expires || *policy_.expires < *expires)) expires = policy_.expires;
    if (!expires || source.on_expiry == OnExpiry::kEnforce) return;
    if (!speech_.expiry) {
      return plan_.Lose(name, Severity::kStricter,
                        "the pins hold for ever: they do not end on " + FormatDate(*expires));
    }
    rule.expires = expires;
    if (source.on_expiry == OnExpiry::kReport) {
      plan_.Lose(name, Severity::kNote, "after the expiry nothing is reported");
    }
  }

  void FitPins(const HostRule& source, const std::string& name, PlanRule& rule) {
    bool any_place = false;
    bool other_place = false;
    for (const PolicyPin& entry : source.pins) {
      const Pin& pin = entry.pin;
      if (pin.use == PinUse::kRevoked) continue;
      if (pin.kind == PinKind::kSpki && std::ranges::binary_search(revoked_, pin.digest)) continue;
      if (pin.kind == PinKind::kCert && !speech_.cert_pins) {
        LosePin(name, entry, "is of a whole certificate");
        continue;
      }
      if (pin.place == PinPlace::kCa && speech_.places == Places::kLeafOnly) {
        LosePin(name, entry, "is of a CA, and only the leaf is looked at");
        continue;
      }
      (pin.place == PinPlace::kAny ? any_place : other_place) = true;
      if (!Has(rule.pins, pin)) rule.pins.push_back(entry);
    }
    if (any_place && speech_.places == Places::kLeafOnly) {
      plan_.Lose(name, Severity::kStricter,
                 "pins with place = \"any\" are held against the leaf alone: a CA's key never "
                 "matches");
    }
    if (other_place && speech_.places == Places::kAnywhere) {
      plan_.Lose(name, Severity::kNote, "a pin may match anywhere in the verified path");
    }
  }

  // Two pins that the format cannot tell apart are one.
  [[nodiscard]] bool Has(const std::vector<PolicyPin>& pins, const Pin& pin) const {
    return std::ranges::any_of(pins, [&](const PolicyPin& other) {
      return other.pin.digest == pin.digest && other.pin.kind == pin.kind &&
             (speech_.places != Places::kTold || other.pin.place == pin.place);
    });
  }

  void LosePin(const std::string& name, const PolicyPin& entry, const std::string& why) {
    plan_.Lose(name, Severity::kStricter, FormatPin(entry.pin.digest) + " is left out: it " + why);
  }

  void MergeInto(PlanRule& into, const PlanRule& rule) {
    if (into.mode != Mode::kEnforce && rule.mode == Mode::kEnforce) into.mode = Mode::kEnforce;
    if (into.mode == Mode::kOff && rule.mode == Mode::kReport) into.mode = Mode::kReport;
    for (const PolicyPin& entry : rule.pins) {
      if (!Has(into.pins, entry.pin)) into.pins.push_back(entry);
    }
    if (into.expires != rule.expires) into.expires.reset();
    if (rule.require == Require::kAny) into.require = Require::kAny;
    plan_.Lose(into.pattern.ToString(), Severity::kEnforcement,
               "the rules of its ports are one entry here, with the pins of all");
  }

  const Policy& policy_;
  const Speech& speech_;
  Plan& plan_;
  std::vector<Digest> revoked_;
};

// RulesOf is the rules that decide for `host`: those of the most specific pattern.
std::vector<const HostRule*> RulesOf(const Policy& policy, const HostName& host) {
  std::vector<const HostRule*> best;
  const auto comes_before = [](const HostPattern& a, const HostPattern& b) {
    if (a.base().text().size() != b.base().text().size()) {
      return a.base().text().size() > b.base().text().size();
    }
    return a.kind() < b.kind();
  };
  for (const HostRule& rule : policy.hosts) {
    if (!rule.pattern.Matches(host)) continue;
    if (!best.empty() && comes_before(rule.pattern, best.front()->pattern)) best.clear();
    if (best.empty() || best.front()->pattern == rule.pattern) best.push_back(&rule);
  }
  return best;
}

}  // namespace

void Plan::Lose(std::string rule, Severity severity, std::string what) {
  losses.push_back({.rule = std::move(rule), .what = std::move(what), .severity = severity});
}

void Plan::LeaveOut(const std::string& rule, const std::string& why) {
  Lose(rule, Severity::kEnforcement, "is left out: " + why);
  Lose(rule, Severity::kStricter, "where a wider rule covers it, that one decides");
}

Result<Plan> MakePlan(const Policy& policy, const Speech& speech, const ExportOptions& options) {
  Plan plan;
  Planner planner(policy, speech, plan);
  planner.WholePolicy();
  if (options.host) {
    const Result<HostPattern> exact = HostPattern::Parse(options.host->text());
    if (!exact) return exact.error();
    const auto rules = RulesOf(policy, *options.host);
    if (rules.empty()) {
      return Error{Code::kPinsMissing, "no rule is for " + std::string(options.host->text())};
    }
    for (const HostRule* rule : rules) planner.Add(*rule, *exact);
  } else {
    for (const HostRule& rule : policy.hosts) planner.Add(rule, rule.pattern);
  }
  planner.MergePorts();
  FitPatterns(plan, speech);
  const bool pinned =
      std::ranges::any_of(plan.rules, [](const PlanRule& rule) { return rule.mode != Mode::kOff; });
  if (pinned) return plan;
  std::string why = "no rule with pins that this format can carry";
  for (const Loss& loss : plan.losses) {
    if (loss.severity == Severity::kEnforcement) why += "; " + loss.rule + ": " + loss.what;
  }
  return Error{Code::kPinsMissing, why};
}

std::string PinComment(const PolicyPin& pin) {
  constexpr std::string_view kUses[] = {"", "backup", "next", "retiring", "revoked"};
  std::string text(kUses[static_cast<std::size_t>(pin.pin.use)]);
  if (!pin.label.empty()) text += (text.empty() ? "" : ", ") + pin.label;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool plain = c >= 0x20 && c < 0x7F && c != '*' && c != '<' && c != '>' && c != '\\' &&
                       c != '"' && c != '`';
    if (!plain || (c == '-' && i + 1 < text.size() && text[i + 1] == '-')) text[i] = '_';
  }
  if (text.ends_with('-')) text.back() = '_';
  return text;
}

std::string CommentBlock(const Policy& policy, const ExportOptions& options,
                         std::string_view format, std::string_view mark) {
  std::string block;
  for (const std::string& line : ProvenanceLines(policy, options.policy_digest, format)) {
    block += std::string(mark) + line + "\n";
  }
  return block;
}

}  // namespace cotter::formats
