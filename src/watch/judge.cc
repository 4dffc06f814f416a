// SPDX-License-Identifier: Apache-2.0
#include "watch/judge.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "policy/lint.h"

namespace cotter::watch {
namespace {

constexpr std::int64_t kDay = 86'400;

// A key change that nobody announced and that stays is told for this long; from then on it is the
// key that is served.
constexpr std::int64_t kKeyChangeSeconds = kDay;

std::string PinsOf(const std::vector<Digest>& pins) {
  std::string text = "[";
  for (const Digest& pin : pins) text += (text.size() == 1 ? "" : " ") + FormatPin(pin);
  return text + "]";
}

std::string Joined(const std::vector<std::string>& words) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < words.size() && i < kShown; ++i) {
    text += (i == 0 ? "" : ", ") + words[i];
  }
  if (words.size() > kShown) text += " and " + std::to_string(words.size() - kShown) + " more";
  return text;
}

std::set<Digest> LeavesOf(const ServerFacts& facts) {
  std::set<Digest> leaves;
  for (const SeenChainFacts& chain : facts.chains) leaves.insert(chain.leaf);
  return leaves;
}

bool Overlaps(const std::set<Digest>& a, const std::set<Digest>& b) {
  return std::any_of(a.begin(), a.end(), [&](const Digest& key) { return b.contains(key); });
}

// What a refused chain is told as.
std::optional<Code> TroubleOf(const SeenChainFacts& chain) {
  switch (chain.outcome) {
    case Outcome::kPinnedOk:
    case Outcome::kNotPinned:
      return std::nullopt;
    case Outcome::kRevoked:
      return Code::kRevoked;
    case Outcome::kPkiError:
      if (chain.code == Code::kCertExpired || chain.code == Code::kCertNotYetValid) {
        return Code::kCertExpired;
      }
      return Code::kPkiError;
    default:
      return Code::kPinMismatch;
  }
}

// Findings collects conditions, each code once: the worst counts, the details add up.
class Findings {
 public:
  void Add(Condition condition) {
    for (Condition& known : list_) {
      if (known.code != condition.code) continue;
      if (condition.severity > known.severity) {
        known.severity = condition.severity;
        known.text = condition.text;
      }
      if (known.details != condition.details) known.details += "; " + condition.details;
      return;
    }
    list_.push_back(std::move(condition));
  }

  [[nodiscard]] std::vector<Condition> Take() { return std::move(list_); }

 private:
  std::vector<Condition> list_;
};

std::string HostOf(const ServerView& view) {
  return view.subject.host.empty() ? view.subject.name : view.subject.host;
}

std::string TextOf(Code trouble, const ServerView& view) {
  const std::string host = HostOf(view);
  switch (trouble) {
    case Code::kPinMismatch:
      return "SSL pin mismatch: " + host;
    case Code::kRevoked:
      return "revoked key served: " + host;
    case Code::kCertExpired:
      return "certificate not valid now: " + host;
    default:
      return "certificate does not verify: " + host;
  }
}

// Refusals is what one kind of trouble looks like from everywhere.
struct Refusals {
  std::vector<std::string> vantages;
  std::vector<std::string> peers;
  const SeenChainFacts* chain = nullptr;
  const ServerFacts* facts = nullptr;
  bool enforced = false;
};

void FindRefusals(const ServerView& view, Findings& findings) {
  std::size_t seen = 0;
  std::map<Code, Refusals> refusals;
  for (const VantageReport& report : view.reports) {
    // By another policy another verdict may be right.
    if (report.facts->chains.empty() || report.facts->policy_version != view.policy_version) {
      continue;
    }
    ++seen;
    for (std::size_t i = 0; i < report.facts->chains.size(); ++i) {
      const SeenChainFacts& chain = report.facts->chains[i];
      const std::optional<Code> trouble = TroubleOf(chain);
      if (!trouble) continue;
      Refusals& all = refusals[*trouble];
      if (all.chain == nullptr) {
        all.chain = &chain;
        all.facts = report.facts;
      }
      all.enforced = all.enforced || chain.outcome != Outcome::kReported;
      if (all.vantages.empty() || all.vantages.back() != report.name) {
        all.vantages.push_back(report.name);
      }
      for (const PeerFacts& peer : report.facts->peers) {
        const bool shows =
            std::find(peer.chains.begin(), peer.chains.end(), i) != peer.chains.end();
        if (shows) all.peers.push_back(peer.peer);
      }
    }
  }
  for (const auto& [trouble, all] : refusals) {
    if (all.vantages.size() <= MostDissenters(seen + view.awaited)) continue;
    std::string details = all.chain->message;
    if (all.chain->code && trouble != Code::kPinMismatch) {
      details = std::string(NameOf(*all.chain->code)) + ": " + details;
    }
    details += "; at " + Joined(all.peers) + ", seen from " + Joined(all.vantages);
    if (all.facts->cause) {
      details += "; likely " + std::string(NameOf(*all.facts->cause)) + ": " + all.facts->fix;
    }
    findings.Add({.code = trouble,
                  .severity = all.enforced ? Severity::kCritical : Severity::kWarning,
                  .text = TextOf(trouble, view),
                  .details = std::move(details)});
  }
}

void FindUnreachable(const ServerView& view, Findings& findings) {
  std::size_t failing = 0;
  bool anything_seen = false;
  std::vector<std::string> reasons;
  for (const VantageReport& report : view.reports) {
    anything_seen = anything_seen || !report.facts->chains.empty();
    if (report.facts->succeeded()) continue;
    ++failing;
    if (report.facts->failure) {
      reasons.push_back(std::string(NameOf(*report.facts->failure)) + " from " + report.name);
    }
    for (const PeerFacts& peer : report.facts->peers) {
      if (!peer.error) continue;
      reasons.push_back(peer.peer + ": " + std::string(NameOf(*peer.error)) + " from " +
                        report.name);
    }
  }
  if (failing * 2 <= view.reports.size() + view.awaited) return;
  findings.Add(
      {.code = Code::kUnreachable,
       .severity = anything_seen ? Severity::kWarning : Severity::kCritical,
       .text = (anything_seen ? "not every address answers: " : "unreachable: ") + HostOf(view),
       .details = Joined(reasons)});
}

// S3-35: the most useful alarm of all, because it comes before clients fail.
void FindKeyChange(const ServerView& view, Time now, Findings& findings) {
  const std::optional<KeyChange>& change = view.memory.last_change;
  if (!change || view.rotation == Rotation::kOpen || !view.memory.facts) return;
  if (now.unix_seconds - change->at.unix_seconds > kKeyChangeSeconds) return;
  const std::set<Digest> leaves = LeavesOf(*view.memory.facts);
  if (!leaves.empty() && !leaves.contains(change->after)) return;
  findings.Add({.code = Code::kLeafKeyChanged,
                .severity = Severity::kCritical,
                .text = "leaf key changed with no rotation open: " + HostOf(view),
                .details = "to " + FormatPin(change->after) + " at " + FormatTime(change->at) +
                           ", before " + PinsOf(change->before)});
}

void FindIntermediates(const ServerView& view, Findings& findings) {
  if (!view.memory.facts || view.rotation == Rotation::kOpen) return;
  std::set<Digest> unexpected;
  for (const SeenChainFacts& chain : view.memory.facts->chains) {
    for (const Digest& key : chain.Intermediates()) {
      const bool expected = view.intermediates.empty()
                                ? view.memory.intermediates.contains(key)
                                : std::find(view.intermediates.begin(), view.intermediates.end(),
                                            key) != view.intermediates.end();
      if (!expected) unexpected.insert(key);
    }
  }
  if (unexpected.empty()) return;
  findings.Add({.code = Code::kUnexpectedIntermediate,
                .severity = Severity::kWarning,
                .text = "unexpected intermediate: " + HostOf(view),
                .details = PinsOf({unexpected.begin(), unexpected.end()})});
}

void FindDifferences(const ServerView& view, Findings& findings) {
  for (const VantageReport& report : view.reports) {
    const ServerFacts& facts = *report.facts;
    std::set<std::set<Digest>> views;
    for (const PeerFacts& peer : facts.peers) {
      std::set<Digest> leaves;
      for (const std::size_t index : peer.chains) leaves.insert(facts.chains[index].leaf);
      if (!leaves.empty()) views.insert(std::move(leaves));
    }
    const auto is_pinned = [](const SeenChainFacts& chain) {
      return chain.outcome == Outcome::kPinnedOk;
    };
    if (views.size() < 2 || std::all_of(facts.chains.begin(), facts.chains.end(), is_pinned)) {
      continue;
    }
    findings.Add(
        {.code = Code::kCdnDifference,
         .severity = Severity::kWarning,
         .text = "addresses present different keys: " + HostOf(view),
         .details = std::to_string(views.size()) + " different views from " + report.name});
  }
  const std::size_t distinct = DistinctViews(view.reports);
  if (distinct < 2) return;
  std::string details;
  for (const VantageReport& report : view.reports) {
    const std::set<Digest> leaves = LeavesOf(*report.facts);
    if (leaves.empty()) continue;
    details += (details.empty() ? "" : "; ") + report.name + " sees " +
               PinsOf({leaves.begin(), leaves.end()});
  }
  findings.Add({.code = Code::kVantageDisagreement,
                .severity = Severity::kWarning,
                .text = "vantage points see different keys: " + HostOf(view),
                .details = std::move(details)});
}

// S1-39, S3-18, S3-34: by the share of the lifetime, which is right for 6 days and for 398.
void FindRenewal(const ServerView& view, Time now, Findings& findings) {
  if (!view.memory.facts) return;
  for (const SeenChainFacts& chain : view.memory.facts->chains) {
    const std::int64_t life = chain.not_after.unix_seconds - chain.not_before.unix_seconds;
    const std::int64_t left = chain.not_after.unix_seconds - now.unix_seconds;
    if (life <= 0 || left <= 0 || left * 4 >= life) continue;
    const bool is_last = left * 10 < life;
    findings.Add({.code = Code::kRenewalOverdue,
                  .severity = is_last ? Severity::kCritical : Severity::kWarning,
                  .text = std::string("certificate is ") +
                          (is_last ? "in the last tenth" : "past three quarters") +
                          " of its life: " + HostOf(view),
                  .details = "it ends at " + FormatTime(chain.not_after) + ", in " +
                             std::to_string(left / kDay) + " days; issued by " + chain.issuer});
  }
}

// LifeOf is how long the served key's certificate lives; a year where nothing was seen.
std::int64_t LifeOf(const ServerView& view) {
  constexpr std::int64_t kYear = 365 * kDay;
  if (!view.memory.facts || view.memory.facts->chains.empty()) return kYear;
  std::int64_t life = kYear;
  for (const SeenChainFacts& chain : view.memory.facts->chains) {
    const std::int64_t own = chain.not_after.unix_seconds - chain.not_before.unix_seconds;
    if (own > 0) life = std::min(life, own);
  }
  return life;
}

// S0-22: the next key must be pinned long before the certificate that is served ends. How long is
// said where the end is near.
void FindBackups(const ServerView& view, Time now, Findings& findings) {
  if (!view.rule.pins_anything() || !view.memory.facts || view.memory.facts->chains.empty()) return;
  const ServerFacts& facts = *view.memory.facts;
  std::set<Digest> served;
  std::optional<Time> end;
  for (const SeenChainFacts& chain : facts.chains) {
    served.insert(chain.path.begin(), chain.path.end());
    served.insert(chain.leaf);
    if (!end || chain.not_after < *end) end = chain.not_after;
  }
  const auto is_spare = [&](const Digest& pin) { return !served.contains(pin); };
  const policy::LeadTime lead = policy::LeadTimeFor(LifeOf(view));
  const std::int64_t left = (end->unix_seconds - now.unix_seconds) / kDay;
  const bool is_near = left < lead.warning_days;
  if (std::any_of(view.rule.lasting.begin(), view.rule.lasting.end(), is_spare)) return;
  findings.Add({.code = Code::kNoLiveBackup,
                .severity = Severity::kCritical,
                .text = "no backup pin outside of what is served: " + HostOf(view),
                .details = "every pin of the rule is for a key that is served" +
                           (is_near ? ", the certificate ends in " + std::to_string(left) +
                                          " days, and the lead time here is " +
                                          std::to_string(lead.warning_days) + " days"
                                    : std::string())});
}

// S3-11: a backup pin is worth what the key behind it is.
void FindBackupProof(const ServerView& view, Time now, Findings& findings) {
  if (view.standby != Standby::kLookedAt || view.rule.reserves.empty()) return;
  std::optional<Time> latest;
  for (const Digest& pin : view.rule.reserves) {
    const auto proof = view.memory.backup_proofs.find(pin);
    if (proof != view.memory.backup_proofs.end() && (!latest || proof->second > *latest)) {
      latest = proof->second;
    }
  }
  if (latest && now.unix_seconds - latest->unix_seconds <= view.backup_proof_days * kDay) return;
  findings.Add({.code = Code::kBackupUnproven,
                .severity = Severity::kWarning,
                .text = "backup key not proven: " + HostOf(view),
                .details = latest ? "last at " + FormatTime(*latest)
                                  : "no standby endpoint has presented one of " +
                                        PinsOf(view.rule.reserves)});
}

// S3-50: 90 and 60 days where keys live a year, and less where they live shorter.
void FindExpiry(const ServerView& view, Time now, Findings& findings) {
  if (view.rule.rule == nullptr || view.rule.rule->mode == Mode::kOff) return;
  if (view.rule.expires) {
    const Time end = *view.rule.expires;
    const std::int64_t left = (end.unix_seconds - now.unix_seconds) / kDay;
    const policy::LeadTime lead = policy::LeadTimeFor(LifeOf(view));
    if (end <= now) {
      findings.Add({.code = Code::kPinsExpired,
                    .severity = Severity::kCritical,
                    .text = "pins expired: " + HostOf(view),
                    .details = "on " + FormatDate(end)});
    } else if (left < lead.warning_days) {
      findings.Add({.code = Code::kExpirySoon,
                    .severity = left < lead.error_days ? Severity::kCritical : Severity::kWarning,
                    .text = "pins expire soon: " + HostOf(view),
                    .details = "on " + FormatDate(end) + ", in " + std::to_string(left) +
                               " days; the lead time here is " + std::to_string(lead.warning_days) +
                               " days, and " + std::to_string(lead.error_days) + " at the latest"});
    }
  }
  const std::optional<Time>& review = view.rule.rule->review;
  if (review && *review <= now) {
    findings.Add(
        {.code = Code::kReviewOverdue,
         .severity = Severity::kWarning,
         .text = "review overdue: " + HostOf(view),
         .details = "it was due on " + FormatDate(*review) +
                    (view.rule.rule->owner.empty() ? "" : ", by " + view.rule.rule->owner)});
  }
}

}  // namespace

std::size_t MostDissenters(std::size_t vantages) noexcept {
  constexpr std::size_t kMany = 6;
  if (vantages < 2) return 0;
  return vantages < kMany ? 1 : 2;
}

std::size_t DistinctViews(const std::vector<VantageReport>& reports) {
  // Groups grow while a vantage point has a key in common with one of them.
  std::vector<std::set<Digest>> groups;
  for (const VantageReport& report : reports) {
    std::set<Digest> merged = LeavesOf(*report.facts);
    if (merged.empty()) continue;
    std::vector<std::set<Digest>> apart;
    for (std::set<Digest>& group : groups) {
      if (Overlaps(group, merged)) {
        merged.insert(group.begin(), group.end());
      } else {
        apart.push_back(std::move(group));
      }
    }
    apart.push_back(std::move(merged));
    groups = std::move(apart);
  }
  return groups.size();
}

ServedPins CountPins(const RuleView& rule, const ServerFacts& facts) {
  std::set<Digest> served;
  for (const SeenChainFacts& chain : facts.chains) {
    served.insert(chain.path.begin(), chain.path.end());
  }
  ServedPins count;
  for (const Digest& pin : rule.pins) ++(served.contains(pin) ? count.live : count.spare);
  return count;
}

std::vector<Condition> Judge(const ServerView& view, Time now) {
  Findings findings;
  FindRefusals(view, findings);
  FindUnreachable(view, findings);
  FindKeyChange(view, now, findings);
  FindIntermediates(view, findings);
  FindDifferences(view, findings);
  FindRenewal(view, now, findings);
  FindBackups(view, now, findings);
  FindBackupProof(view, now, findings);
  FindExpiry(view, now, findings);
  return findings.Take();
}

}  // namespace cotter::watch
