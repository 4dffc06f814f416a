// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_diff.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace cotter::policy {
namespace {

// A label that no policy names, to stand for "some host below".
constexpr std::string_view kSomeLabel = "cotter-any-host-";

// A port that stands for all that no rule of the host names.
constexpr std::uint16_t kSomePort = 65535;

// Side is one of the two policies.
struct Side {
  const Policy& policy;
  PolicyIndex index;
};

// What applies to one end point on one side.
struct Applied {
  Lookup::Kind kind;
  const HostRule* rule = nullptr;

  [[nodiscard]] bool enforces() const { return rule != nullptr && rule->mode == Mode::kEnforce; }
};

Applied Apply(const Side& side, const HostName& host, std::uint16_t port) {
  const Lookup lookup = side.index.Find(host, port);
  return {lookup.kind,
          lookup.kind == Lookup::Kind::kRule ? &side.policy.hosts[lookup.rule.source()] : nullptr};
}

bool Refuses(const Side& side, const Applied& applied) {
  return applied.kind == Lookup::Kind::kOtherPorts ||
         (applied.kind == Lookup::Kind::kUnlisted && side.policy.unlisted == Unlisted::kRefuse);
}

std::set<Digest> Revoked(const Policy& policy) {
  std::set<Digest> revoked(policy.revoked.begin(), policy.revoked.end());
  for (const HostRule& rule : policy.hosts) {
    for (const PolicyPin& entry : rule.pins) {
      if (entry.pin.use == PinUse::kRevoked) revoked.insert(entry.pin.digest);
    }
  }
  return revoked;
}

bool Overlap(PinPlace a, PinPlace b) {
  return a == b || a == PinPlace::kAny || b == PinPlace::kAny;
}

// Keeps reports whether a certificate that matched `pin` still matches a pin of `rule`.
bool Keeps(const HostRule& rule, const Pin& pin, const std::set<Digest>& revoked) {
  if (revoked.contains(pin.digest)) return false;
  return std::ranges::any_of(rule.pins, [&](const PolicyPin& entry) {
    return entry.pin.use != PinUse::kRevoked && entry.pin.digest == pin.digest &&
           entry.pin.kind == pin.kind && Overlap(entry.pin.place, pin.place);
  });
}

std::string Listed(const std::vector<Pin>& pins) {
  std::string text;
  for (const Pin& pin : pins) text += (text.empty() ? "" : ", ") + FormatPin(pin.digest);
  return text;
}

class Comparer {
 public:
  Comparer(Side before, Side after)
      : before_(std::move(before)), after_(std::move(after)), revoked_(Revoked(after_.policy)) {}

  std::vector<Difference> Compare() {
    CompareHeaders();
    std::set<std::string> patterns;
    for (const Policy* policy : {&before_.policy, &after_.policy}) {
      for (const HostRule& rule : policy->hosts) {
        ports_[rule.pattern.base().text()].insert(rule.ports.begin(), rule.ports.end());
      }
    }
    for (const Policy* policy : {&before_.policy, &after_.policy}) {
      for (const HostRule& rule : policy->hosts) {
        if (patterns.insert(rule.pattern.ToString()).second) ComparePattern(rule.pattern);
      }
    }
    std::ranges::stable_sort(found_, {}, &Difference::effect);
    return std::move(found_);
  }

 private:
  void Add(Effect effect, std::string hosts, std::string words) {
    found_.push_back({effect, std::move(hosts), std::move(words)});
  }

  void CompareHeaders() {
    const Policy& before = before_.policy;
    const Policy& after = after_.policy;
    const auto shown = [](const std::string& text) { return text.empty() ? "none" : text; };
    if (before.environment != after.environment) {
      Add(Effect::kLockedOut, "",
          "the environment changes from " + shown(before.environment) + " to " +
              shown(after.environment) + ": clients of the first refuse the policy");
    }
    if (before.unlisted != after.unlisted) {
      const bool refuses = after.unlisted == Unlisted::kRefuse;
      Add(refuses ? Effect::kLockedOut : Effect::kLooser, "",
          refuses ? "hosts that no rule names are refused from now on"
                  : "hosts that no rule names are let through by PKI alone");
    }
    if (before.version != after.version) {
      Add(Effect::kHeader, "",
          "version " + std::to_string(before.version) + " becomes " +
              std::to_string(after.version) +
              (after.version < before.version ? ": clients refuse to go back" : ""));
    }
    if (before.expires != after.expires) {
      Add(Effect::kHeader, "",
          "the policy expires " + (after.expires ? "on " + FormatDate(*after.expires) : "never") +
              " instead of " + (before.expires ? FormatDate(*before.expires) : "never"));
    }
    for (const Digest& digest : revoked_) {
      if (!Revoked(before).contains(digest)) {
        Add(Effect::kStricter, "", FormatPin(digest) + " is revoked");
      }
    }
  }

  // ComparePattern compares what applies to hosts that `pattern` stands for, port by port.
  void ComparePattern(const HostPattern& pattern) {
    std::string name(pattern.base().text());
    if (pattern.kind() != HostPattern::Kind::kExact) name = std::string(kSomeLabel) + "1." + name;
    if (pattern.kind() == HostPattern::Kind::kAllDepths)
      name = std::string(kSomeLabel) + "2." + name;
    const Result<HostName> host = HostName::Parse(name);
    if (!host) return;  // too long to exist
    std::set<std::uint16_t> ports = ports_[pattern.base().text()];
    const bool by_port = !ports.empty();
    ports.insert(kSomePort);
    for (const std::uint16_t port : ports) {
      std::string hosts = pattern.ToString();
      if (by_port && port != kSomePort) hosts += ":" + std::to_string(port);
      if (by_port && port == kSomePort) hosts += " on other ports";
      CompareApplied(hosts, Apply(before_, *host, port), Apply(after_, *host, port));
    }
  }

  void CompareApplied(const std::string& hosts, const Applied& before, const Applied& after) {
    const bool refused = Refuses(before_, before);
    if (Refuses(after_, after)) {
      if (!refused) Add(Effect::kLockedOut, hosts, "connections are refused from now on");
      return;
    }
    if (refused) {
      Add(Effect::kLooser, hosts,
          after.enforces() ? "connections were refused, and now pins decide"
                           : "connections were refused, and are let through from now on");
      return;
    }
    if (!before.enforces() && !after.enforces()) return;
    if (!before.enforces()) {
      Add(Effect::kNewlyPinned, hosts,
          "pins decide from now on (" + std::to_string(after.rule->pins.size()) +
              (after.rule->pins.size() == 1 ? " pin)" : " pins)"));
    } else if (!after.enforces()) {
      Add(Effect::kNoLongerPinned, hosts,
          after.rule != nullptr && after.rule->mode == Mode::kReport
              ? "mismatches are only reported from now on"
              : "pins no longer decide");
    } else if (before.rule != nullptr) {
      CompareRules(hosts, *before.rule, *after.rule);
    }
  }

  void CompareRules(const std::string& hosts, const HostRule& before, const HostRule& after) {
    std::vector<Pin> lost;
    bool active_kept = false;
    bool had_active = false;
    for (const PolicyPin& entry : before.pins) {
      if (entry.pin.use == PinUse::kRevoked) continue;
      const bool kept = Keeps(after, entry.pin, revoked_);
      if (!kept) lost.push_back(entry.pin);
      had_active = had_active || entry.pin.use == PinUse::kActive;
      active_kept = active_kept || (kept && entry.pin.use == PinUse::kActive);
    }
    if (had_active && !active_kept) {
      Add(Effect::kLockedOut, hosts,
          "no active pin is left of " + Listed(lost) + ": servers with these keys are refused");
    } else if (!lost.empty()) {
      Add(Effect::kStricter, hosts, "no longer accepted: " + Listed(lost));
    }
    std::vector<Pin> added;
    for (const PolicyPin& entry : after.pins) {
      if (entry.pin.use != PinUse::kRevoked && !Keeps(before, entry.pin, {})) {
        added.push_back(entry.pin);
      }
    }
    if (!added.empty()) Add(Effect::kLooser, hosts, "accepted as well: " + Listed(added));
    CompareTerms(hosts, before, after);
  }

  void CompareTerms(const std::string& hosts, const HostRule& before, const HostRule& after) {
    if (before.require != after.require) {
      const bool both = after.require == Require::kLeafAndCa;
      Add(both ? Effect::kStricter : Effect::kLooser, hosts,
          both ? "a leaf pin and a CA pin must both match from now on"
               : "one pin is enough from now on");
    }
    if (before.local_anchors != after.local_anchors) {
      const bool refuse = after.local_anchors == LocalAnchors::kRefuse;
      Add(refuse ? Effect::kStricter : Effect::kLooser, hosts,
          refuse ? "locally added roots are refused from now on"
                 : "locally added roots will do where pins match");
    }
    if (before.on_expiry != after.on_expiry) {
      Add(after.on_expiry == OnExpiry::kEnforce ? Effect::kStricter : Effect::kLooser, hosts,
          "what happens after expiry changes");
    }
    if (before.expires != after.expires) {
      Add(Effect::kHeader, hosts,
          "expires " + (after.expires ? "on " + FormatDate(*after.expires) : "with the policy"));
    }
  }

  Side before_;
  Side after_;
  std::set<Digest> revoked_;
  std::map<std::string_view, std::set<std::uint16_t>> ports_;
  std::vector<Difference> found_;
};

}  // namespace

std::string_view NameOf(Effect effect) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {"locked_out", "newly_pinned",     "stricter",
                                                      "looser",     "no_longer_pinned", "policy"};
  return kNames[static_cast<std::size_t>(effect)];
}

Result<std::vector<Difference>> ComparePolicies(const Policy& before, const Policy& after) {
  Result<PolicyIndex> first = PolicyIndex::Build(before);
  if (!first) return first.error();
  Result<PolicyIndex> second = PolicyIndex::Build(after);
  if (!second) return second.error();
  return Comparer({before, *std::move(first)}, {after, *std::move(second)}).Compare();
}

}  // namespace cotter::policy
