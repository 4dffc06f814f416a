// SPDX-License-Identifier: Apache-2.0
#include "probe/scan/findings.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/hsts_field.h"

namespace cotter::probe {
namespace {

constexpr std::int64_t kDay = 86'400;

// Joined is the texts with commas.
template <typename Texts>
std::string Joined(const Texts& texts) {
  std::string joined;
  for (const auto& text : texts) joined.append(joined.empty() ? "" : ", ").append(text);
  return joined;
}

// ByDetail collects the addresses of which the same is to be told.
class ByDetail {
 public:
  ByDetail(Code code, Level level) : code_(code), level_(level) {}

  void Add(const AddressFacts& address, std::string detail) {
    std::vector<std::string>& peers = found_[std::move(detail)];
    if (peers.empty() || peers.back() != address.peer) peers.push_back(address.peer);
  }
  void MoveTo(std::vector<Finding>& findings) {
    for (auto& [detail, peers] : found_) {
      findings.push_back({code_, level_, std::move(peers), detail});
    }
  }

 private:
  Code code_;
  Level level_;
  std::map<std::string, std::vector<std::string>> found_;
};

std::vector<std::string> SpokenVersions(const AddressFacts& address) {
  std::vector<std::string> spoken;
  for (const VersionFacts& one : address.versions) {
    if (one.support == Support::kYes) spoken.emplace_back(NameOf(one.version));
  }
  return spoken;
}

void AddVersions(const HostFacts& facts, std::vector<Finding>& findings) {
  ByDetail legacy(Code::kLegacyTls, Level::kWarning);
  ByDetail weak(Code::kWeakSuite, Level::kWarning);
  for (const AddressFacts& address : facts.addresses) {
    std::vector<std::string> old;
    for (const VersionFacts& one : address.versions) {
      const bool spoken = one.support == Support::kYes && one.version < TlsVersion::kTls12;
      if (spoken) old.emplace_back(NameOf(one.version));
    }
    if (!old.empty()) legacy.Add(address, Joined(old));
    if (!address.weak_suites.empty()) weak.Add(address, Joined(address.weak_suites));
  }
  legacy.MoveTo(findings);
  weak.MoveTo(findings);
}

void AddKeys(const HostFacts& facts, std::vector<Finding>& findings) {
  ByDetail unusual(Code::kServerKeyUnusual, Level::kWarning);
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      if (look.chain && !look.chain->leaf.usual_key) {
        const std::string& key = look.chain->leaf.key;
        unusual.Add(address, key.empty() ? "a key that cannot be read" : key);
      }
    }
  }
  unusual.MoveTo(findings);
}

// AddStaples is tolerant of authorities without OCSP: where the certificate names no responder,
// nothing is missing.
void AddStaples(const HostFacts& facts, std::vector<Finding>& findings) {
  ByDetail unmet(Code::kMustStapleUnmet, Level::kProblem);
  ByDetail missing(Code::kStapleMissing, Level::kWarning);
  ByDetail invalid(Code::kStapleInvalid, Level::kProblem);
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      if (!look.chain || !look.completed() || look.resumed) continue;
      const LeafFacts& leaf = look.chain->leaf;
      switch (look.staple.state) {
        case StapleState::kNone:
          if (leaf.must_staple) {
            unmet.Add(address, "the certificate demands a staple (RFC 7633), and none is sent");
          } else if (leaf.names_responder) {
            missing.Add(address, "the certificate names a responder, and nothing is stapled");
          }
          break;
        case StapleState::kRevoked:
          invalid.Add(address, "the staple says that the certificate is revoked");
          break;
        case StapleState::kUnknown:
          invalid.Add(address, "the responder does not know the certificate");
          break;
        case StapleState::kInvalid:
          invalid.Add(address, look.staple.problem);
          break;
        case StapleState::kGood:
          break;
      }
    }
  }
  unmet.MoveTo(findings);
  invalid.MoveTo(findings);
  missing.MoveTo(findings);
}

// HstsProblem is what is wrong with the header of an answer; nullopt where nothing is.
std::optional<std::string> HstsProblem(const HttpFacts& http) {
  if (!http.hsts) return "no Strict-Transport-Security header";
  const auto directive = base::ParseHsts(*http.hsts);
  if (!directive) return "the header is malformed, and browsers ignore it";
  if (directive->max_age <= 0) return "max-age is 0: browsers are told to forget the host";
  if (directive->max_age >= kShortestHstsAge) return std::nullopt;
  return "max-age is only " + std::to_string(directive->max_age) + " seconds";
}

void AddHeaders(const HostFacts& facts, std::vector<Finding>& findings) {
  ByDetail hsts(Code::kHstsMissing, Level::kWarning);
  ByDetail hpkp(Code::kHpkpHeader, Level::kWarning);
  for (const AddressFacts& address : facts.addresses) {
    const std::optional<HttpFacts>& http = address.usual().http;
    if (!http) continue;
    // RFC 6797, 8.1.1: HSTS is for names.
    if (const auto problem = HstsProblem(*http); problem && !facts.target.host.is_ip()) {
      hsts.Add(address, *problem);
    }
    if (http->hpkp) hpkp.Add(address, "Public-Key-Pins is sent, which no client obeys");
    if (http->hpkp_report_only) hpkp.Add(address, "Public-Key-Pins-Report-Only is sent");
  }
  hsts.MoveTo(findings);
  hpkp.MoveTo(findings);
}

// Differences adds what is not the same at all addresses that answered.
void AddDifference(const HostFacts& facts, Code code,
                   const std::function<std::string(const AddressFacts&)>& describe,
                   std::vector<Finding>& findings) {
  std::map<std::string, std::vector<std::string>> groups;
  for (const AddressFacts& address : facts.addresses) {
    if (address.usual().completed()) groups[describe(address)].push_back(address.peer);
  }
  if (groups.size() < 2) return;
  Finding finding{code, Level::kWarning, {}, {}};
  for (const auto& [what, peers] : groups) {
    finding.detail.append(finding.detail.empty() ? "" : "; ")
        .append(what)
        .append(" at ")
        .append(Joined(peers));
    finding.peers.insert(finding.peers.end(), peers.begin(), peers.end());
  }
  findings.push_back(std::move(finding));
}

std::string SettingsText(const AddressFacts& address) {
  const LookFacts& usual = address.usual();
  const std::vector<std::string> versions = SpokenVersions(address);
  std::string text = versions.empty() ? usual.version : Joined(versions);
  std::set<std::string> keys;
  for (const LookFacts& look : address.looks) {
    if (look.chain && look.purpose != Purpose::kWithoutName) keys.insert(look.chain->leaf.key);
  }
  text.append(", ").append(Joined(keys));
  if (!usual.alpn.empty()) text.append(", ").append(usual.alpn);
  if (!address.weak_suites.empty()) text.append(", ").append(Joined(address.weak_suites));
  if (usual.staple.state != StapleState::kNone) text += ", staple";
  if (usual.http && usual.http->hsts) text.append(", HSTS ").append(*usual.http->hsts);
  return text;
}

// LeafText is the pins of the leaves of an address.
std::string LeafText(const AddressFacts& address) {
  std::set<std::string> leaves;
  for (const LookFacts& look : address.looks) {
    const bool counts = look.chain && look.purpose != Purpose::kWithoutName;
    if (const auto* leaf = counts ? look.chain->seen.leaf() : nullptr) {
      leaves.insert(FormatPin(leaf->spki));
    }
  }
  return Joined(leaves);
}

bool AllPinned(const HostFacts& facts) {
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      const bool counts = look.chain && look.purpose != Purpose::kWithoutName;
      if (counts && look.chain->seen.verdict.outcome != Outcome::kPinnedOk) return false;
    }
  }
  return true;
}

void AddIntermediates(const HostFacts& facts, const Baseline& baseline,
                      std::vector<Finding>& findings) {
  const std::string target = net::FormatTarget(facts.target);
  if (!baseline.Knows(target)) return;
  ByDetail unexpected(Code::kUnexpectedIntermediate, Level::kProblem);
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      if (!look.chain || look.purpose == Purpose::kWithoutName) continue;
      for (const SeenCertificate* one : IntermediatesOf(*look.chain)) {
        if (baseline.Expects(target, one->spki)) continue;
        unexpected.Add(address, FormatPin(one->spki) + " " + one->subject.text);
      }
    }
  }
  unexpected.MoveTo(findings);
}

std::string LifetimeText(const Lifetime& life) {
  const std::int64_t days =
      (life.not_after.unix_seconds - life.not_before.unix_seconds + kDay / 2) / kDay;
  return std::to_string(static_cast<int>(life.used * 100)) + " % of " + std::to_string(days) +
         " days are over, the end is " + FormatDate(life.not_after);
}

void AddLifetime(const HostFacts& facts, std::vector<Finding>& findings) {
  ByDetail overdue(Code::kRenewalOverdue, Level::kWarning);
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      const auto* leaf = look.chain ? look.chain->seen.leaf() : nullptr;
      const auto life = leaf != nullptr ? LifetimeOf(*leaf, facts.at) : std::nullopt;
      // What has ended is refused, and that says it.
      if (life && life->used >= kOverdue && life->used < 1) {
        overdue.Add(address, LifetimeText(*life));
      }
    }
  }
  overdue.MoveTo(findings);
}

std::optional<CompiledRule> RuleOf(const HostFacts& facts) {
  if (!facts.settings->policy) return std::nullopt;
  const Lookup lookup = facts.settings->policy->Find(facts.target.host, facts.target.port);
  if (lookup.kind != Lookup::Kind::kRule || lookup.rule.mode() == Mode::kOff) return std::nullopt;
  return lookup.rule;
}

// AddBackup tells of a rule whose every pin is served already, so that the next renewal may lock
// clients out. It is urgent once the certificate is due.
void AddBackup(const HostFacts& facts, std::vector<Finding>& findings) {
  const std::optional<CompiledRule> rule = RuleOf(facts);
  if (!rule) return;
  std::set<Digest> served;
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      if (!look.chain) continue;
      for (const auto* chain : {&look.chain->seen.presented, &look.chain->seen.path}) {
        for (const SeenCertificate& one : *chain) {
          served.insert(one.spki);
          served.insert(one.cert);
        }
      }
    }
  }
  if (served.empty()) return;
  for (std::size_t i = 0; i < rule->pin_count(); ++i) {
    const Pin pin = rule->pin(i);
    const bool kept = pin.use != PinUse::kRevoked && pin.use != PinUse::kRetiring;
    if (kept && !served.contains(pin.digest)) return;
  }
  const std::optional<Lifetime> life = FirstToEnd(facts);
  const bool due = life && life->used >= kOverdue;
  std::string detail = "every pin of the rule is for a key that is served already";
  if (due) detail += ", and " + LifetimeText(*life);
  findings.push_back(
      {Code::kNoLiveBackup, due ? Level::kProblem : Level::kWarning, {}, std::move(detail)});
}

}  // namespace

std::string_view NameOf(Level level) noexcept {
  switch (level) {
    case Level::kWarning:
      return "warning";
    case Level::kProblem:
      return "problem";
  }
  return "";
}

std::optional<Lifetime> LifetimeOf(const SeenCertificate& leaf, Time now) {
  if (!leaf.not_before || !leaf.not_after || *leaf.not_after <= *leaf.not_before) {
    return std::nullopt;
  }
  const auto whole =
      static_cast<double>(leaf.not_after->unix_seconds - leaf.not_before->unix_seconds);
  const auto over = static_cast<double>(now.unix_seconds - leaf.not_before->unix_seconds);
  return Lifetime{*leaf.not_before, *leaf.not_after, over / whole};
}

std::optional<Lifetime> FirstToEnd(const HostFacts& facts) {
  std::optional<Lifetime> first;
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      const bool counts = look.chain && look.purpose != Purpose::kWithoutName;
      const auto* leaf = counts ? look.chain->seen.leaf() : nullptr;
      const auto life = leaf != nullptr ? LifetimeOf(*leaf, facts.at) : std::nullopt;
      if (life && (!first || life->not_after < first->not_after)) first = life;
    }
  }
  return first;
}

std::vector<Finding> FindingsOf(const HostFacts& facts, const Baseline* baseline) {
  std::vector<Finding> findings;
  if (baseline != nullptr) AddIntermediates(facts, *baseline, findings);
  AddStaples(facts, findings);
  if (!AllPinned(facts)) {
    AddDifference(facts, Code::kCdnDifference, LeafText, findings);
  }
  AddDifference(facts, Code::kSettingsDiffer, SettingsText, findings);
  AddLifetime(facts, findings);
  AddBackup(facts, findings);
  AddVersions(facts, findings);
  AddKeys(facts, findings);
  AddHeaders(facts, findings);
  return findings;
}

std::optional<Finding> ProvesBackup(const HostFacts& facts) {
  Finding finding{Code::kBackupUnproven, Level::kProblem, {}, {}};
  const std::optional<CompiledRule> rule = RuleOf(facts);
  if (!rule) {
    finding.detail = "no rule of the policy pins this host";
    return finding;
  }
  if (facts.failure) finding.detail = facts.failure->message;
  for (const AddressFacts& address : facts.addresses) {
    for (const LookFacts& look : address.looks) {
      const auto* leaf = look.chain ? look.chain->seen.leaf() : nullptr;
      finding.peers = {address.peer};
      if (leaf == nullptr || !look.completed()) {
        finding.detail = look.error ? look.error->message : "nothing was presented";
        continue;
      }
      finding.detail = FormatPin(leaf->spki) + " is no backup or next pin of the rule";
      for (std::size_t i = 0; i < rule->pin_count(); ++i) {
        const Pin pin = rule->pin(i);
        const bool reserve = pin.use == PinUse::kBackup || pin.use == PinUse::kNext;
        const Digest& held = pin.kind == PinKind::kCert ? leaf->cert : leaf->spki;
        if (reserve && pin.place != PinPlace::kCa && pin.digest == held) return std::nullopt;
      }
    }
  }
  return finding;
}

}  // namespace cotter::probe
