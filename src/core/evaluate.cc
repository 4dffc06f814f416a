// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <cotter/evaluate.h>

namespace cotter {
namespace {

// Spot is a pin of the rule and the certificate it matched.
struct Spot {
  std::size_t pin;
  std::size_t certificate;
};

// Fit is how one path does against one rule.
struct Fit {
  std::optional<Spot> leaf;
  std::optional<Spot> ca;
  bool digest_missing = false;

  [[nodiscard]] bool Satisfies(Require require) const noexcept {
    return require == Require::kLeafAndCa ? leaf && ca : leaf || ca;
  }
  [[nodiscard]] const Spot& best() const noexcept { return leaf ? *leaf : *ca; }
};

bool MayStandAt(PinPlace place, std::size_t cert_index) noexcept {
  return place == PinPlace::kAny || (place == PinPlace::kLeaf) == (cert_index == 0);
}

// MeasureFit looks for the rule's pins in one path, leaf first, so that the match that is told is
// the most specific.
Fit MeasureFit(const CompiledRule& rule, std::span<const PathCertificate> certificates,
               Time now) noexcept {
  Fit fit;
  for (std::size_t c = 0; c < certificates.size() && !fit.Satisfies(rule.require()); ++c) {
    std::optional<Spot>& slot = c == 0 ? fit.leaf : fit.ca;
    for (std::size_t p = 0; p < rule.pin_count() && !slot; ++p) {
      const Pin pin = rule.pin(p);
      if (pin.use == PinUse::kRevoked || !MayStandAt(pin.place, c)) continue;
      const bool by_cert = pin.kind == PinKind::kCert;
      if (by_cert && !certificates[c].has_cert) {
        fit.digest_missing = true;
        continue;
      }
      const Digest& found = by_cert ? certificates[c].cert : certificates[c].spki;
      if (found != pin.digest) continue;
      const std::optional<Time> until = rule.pin_until(p);
      if (!until || now < *until) slot = Spot{p, c};
    }
  }
  return fit;
}

bool HoldsRevokedKey(const PolicyIndex& policy,
                     std::span<const PathCertificate> certificates) noexcept {
  if (!policy.has_revocations()) return false;
  return std::ranges::any_of(certificates, [&](const PathCertificate& certificate) {
    return policy.IsRevoked(certificate.spki);
  });
}

void AddSearchReason(SearchEnd end, ReasonSet& reasons) noexcept {
  if (end == SearchEnd::kDefaultOnly) reasons.Add(Reason::kOtherPathsUntried);
  if (end == SearchEnd::kBoundReached) reasons.Add(Reason::kSearchBoundReached);
}

// JudgeWithoutPins is for connections that PKI decides alone: revocations hold even there.
Outcome JudgeWithoutPins(const PolicyIndex& policy, std::span<const VerifiedPath> paths,
                         SearchEnd end, ReasonSet& reasons) noexcept {
  const bool clean = std::ranges::any_of(paths, [&](const VerifiedPath& path) {
    return !HoldsRevokedKey(policy, path.certificates());
  });
  if (clean) return Outcome::kNotPinned;
  reasons.Add(Reason::kRevokedKeyInPath);
  AddSearchReason(end, reasons);
  return end == SearchEnd::kBoundReached ? Outcome::kSearchBound : Outcome::kRevoked;
}

// Tally is what the paths that did not do had wrong.
struct Tally {
  bool clean_path = false;        // a path without a revoked key
  bool revoked_would_do = false;  // a path that only its revoked key spoiled
};

// AddMissReasons says why a clean path did not satisfy the rule.
void AddMissReasons(const Fit& fit, Require require, ReasonSet& reasons) noexcept {
  if (fit.digest_missing) reasons.Add(Reason::kCertDigestMissing);
  const bool both = require == Require::kLeafAndCa;
  if (both && fit.leaf && !fit.ca) {
    reasons.Add(Reason::kCaPinMissing);
  } else if (both && fit.ca && !fit.leaf) {
    reasons.Add(Reason::kLeafPinMissing);
  } else {
    reasons.Add(Reason::kNoPinMatched);
  }
}

void AddUseReason(PinUse use, ReasonSet& reasons) noexcept {
  if (use == PinUse::kBackup) reasons.Add(Reason::kBackupPinMatched);
  if (use == PinUse::kRetiring) reasons.Add(Reason::kRetiringPinMatched);
}

// TryPath judges one path: true where it satisfies the rule, else the tally and the reasons say why
// not.
bool TryPath(const PolicyIndex& policy, const CompiledRule& rule, const VerifiedPath& path,
             std::size_t path_index, Time now, Verdict& verdict, Tally& tally) noexcept {
  const Fit fit = MeasureFit(rule, path.certificates(), now);
  const bool satisfies = fit.Satisfies(rule.require());
  if (HoldsRevokedKey(policy, path.certificates())) {
    verdict.reasons.Add(Reason::kRevokedKeyInPath);
    tally.revoked_would_do = tally.revoked_would_do || satisfies;
    return false;
  }
  tally.clean_path = true;
  if (rule.local_anchors() == LocalAnchors::kRefuse &&
      path.anchor_origin() != AnchorOrigin::kPublic) {
    verdict.reasons.Add(Reason::kLocalAnchor);
    return false;
  }
  if (!satisfies) {
    AddMissReasons(fit, rule.require(), verdict.reasons);
    return false;
  }
  const Spot spot = fit.best();
  verdict.match = PinMatch{rule.pin(spot.pin), spot.pin, path_index, spot.certificate};
  return true;
}

// IsInspected reports a path through a CA that may inspect in this policy.
bool IsInspected(const PolicyIndex& policy, const CompiledRule& rule,
                 std::span<const PathCertificate> certificates) noexcept {
  return rule.local_anchors() != LocalAnchors::kRefuse && !certificates.empty() &&
         !HoldsRevokedKey(policy, certificates) &&
         std::ranges::any_of(certificates.subspan(1), [&](const PathCertificate& certificate) {
           return policy.IsInspectionCa(certificate.spki);
         });
}

// JudgeMiss decides where no path satisfied the rule.
Outcome JudgeMiss(const Tally& tally, SearchEnd end, bool reports) noexcept {
  // A revoked key wins over everything, report mode among it.
  if (!tally.clean_path) {
    return end == SearchEnd::kBoundReached ? Outcome::kSearchBound : Outcome::kRevoked;
  }
  if (reports) return Outcome::kReported;
  if (end == SearchEnd::kBoundReached) return Outcome::kSearchBound;
  return tally.revoked_would_do ? Outcome::kRevoked : Outcome::kPinMismatch;
}

void JudgeRule(const PolicyIndex& policy, const CompiledRule& rule,
               std::span<const VerifiedPath> paths, SearchEnd end, Time now,
               Verdict& verdict) noexcept {
  const bool expired = rule.expires() && now >= *rule.expires();
  if (expired) verdict.reasons.Add(Reason::kRuleExpired);
  if (rule.mode() == Mode::kOff) verdict.reasons.Add(Reason::kRuleOff);
  if (rule.mode() == Mode::kOff || (expired && rule.on_expiry() == OnExpiry::kPki)) {
    verdict.outcome = JudgeWithoutPins(policy, paths, end, verdict.reasons);
    return;
  }
  const bool suspended = rule.suspended_until() && now < *rule.suspended_until();
  if (suspended) verdict.reasons.Add(Reason::kRuleSuspended);
  Tally tally;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (TryPath(policy, rule, paths[i], i, now, verdict, tally)) {
      // What was wrong with the paths before it is no longer of interest.
      verdict.reasons = ReasonSet();
      if (expired) verdict.reasons.Add(Reason::kRuleExpired);
      if (suspended) verdict.reasons.Add(Reason::kRuleSuspended);
      AddUseReason(verdict.match->pin.use, verdict.reasons);
      verdict.outcome = Outcome::kPinnedOk;
      return;
    }
  }
  for (const VerifiedPath& path : paths) {
    if (!IsInspected(policy, rule, path.certificates())) continue;
    verdict.reasons = ReasonSet();
    verdict.reasons.Add(Reason::kInspectionCa);
    verdict.outcome = Outcome::kNotPinned;
    return;
  }
  const bool reports = suspended || rule.mode() == Mode::kReport ||
                       (expired && rule.on_expiry() == OnExpiry::kReport);
  if (rule.mode() == Mode::kReport) verdict.reasons.Add(Reason::kReportMode);
  AddSearchReason(end, verdict.reasons);
  verdict.outcome = JudgeMiss(tally, end, reports);
}

}  // namespace

Verdict Evaluate(const PolicyIndex& policy, const Endpoint& endpoint,
                 std::span<const VerifiedPath> paths, SearchEnd end, Time now) noexcept {
  Verdict verdict;
  const Lookup lookup = policy.Find(endpoint.host, endpoint.port);
  if (lookup.kind == Lookup::Kind::kRule) verdict.rule = lookup.rule;
  if (paths.empty()) {
    verdict.reasons.Add(Reason::kNoVerifiedPath);
    if (end == SearchEnd::kBoundReached) {
      verdict.reasons.Add(Reason::kSearchBoundReached);
      verdict.outcome = Outcome::kSearchBound;
    }
    return verdict;
  }
  switch (lookup.kind) {
    case Lookup::Kind::kRule:
      JudgeRule(policy, lookup.rule, paths, end, now, verdict);
      break;
    case Lookup::Kind::kUnlisted:
      verdict.reasons.Add(Reason::kUnlisted);
      verdict.outcome = policy.unlisted() == Unlisted::kRefuse
                            ? Outcome::kUnlistedRefused
                            : JudgeWithoutPins(policy, paths, end, verdict.reasons);
      break;
    case Lookup::Kind::kOtherPorts:
      verdict.reasons.Add(Reason::kOtherPortsOnly);
      verdict.outcome = Outcome::kPortRefused;
      break;
    case Lookup::Kind::kDamaged:
      verdict.reasons.Add(Reason::kPolicyDamaged);
      verdict.outcome = Outcome::kPkiError;
      break;
  }
  return verdict;
}

bool Verdict::allowed() const noexcept {
  switch (outcome) {
    case Outcome::kPinnedOk:
    case Outcome::kReported:
    case Outcome::kNotPinned:
      return true;
    case Outcome::kPinMismatch:
    case Outcome::kRevoked:
    case Outcome::kUnlistedRefused:
    case Outcome::kPortRefused:
    case Outcome::kSearchBound:
    case Outcome::kPkiError:
      return false;
  }
  return false;
}

std::optional<Code> Verdict::code() const noexcept {
  const auto first_of = [this](std::initializer_list<Reason> order) -> std::optional<Code> {
    for (const Reason reason : order) {
      if (reasons.Has(reason)) return CodeOf(reason);
    }
    return std::nullopt;
  };
  switch (outcome) {
    case Outcome::kPinnedOk:
      return first_of({Reason::kRuleExpired, Reason::kBackupPinMatched, Reason::kRetiringPinMatched,
                       Reason::kRuleSuspended});
    case Outcome::kPinMismatch:
      return reasons.Has(Reason::kLocalAnchor) && !reasons.Has(Reason::kNoPinMatched)
                 ? Code::kLocalAnchorRefused
                 : Code::kPinMismatch;
    case Outcome::kReported:
      return reasons.Has(Reason::kRuleSuspended) ? Code::kRuleSuspended : Code::kReported;
    case Outcome::kNotPinned:
      return first_of(
          {Reason::kInspectionCa, Reason::kRuleExpired, Reason::kRuleOff, Reason::kUnlisted});
    case Outcome::kRevoked:
      return Code::kRevoked;
    case Outcome::kUnlistedRefused:
      return Code::kUnlistedRefused;
    case Outcome::kPortRefused:
      return Code::kPortRefused;
    case Outcome::kSearchBound:
      return Code::kSearchBound;
    case Outcome::kPkiError:
      return first_of({Reason::kPolicyDamaged, Reason::kNoVerifiedPath});
  }
  return Code::kInternal;
}

std::string_view NameOf(Outcome outcome) noexcept {
  constexpr std::array<std::string_view, 9> kNames = {
      "pinned_ok",        "pin_mismatch", "reported",     "not_pinned", "revoked",
      "unlisted_refused", "port_refused", "search_bound", "pki_error"};
  return kNames[static_cast<std::size_t>(outcome)];
}

Code CodeOf(Reason reason) noexcept {
  switch (reason) {
    case Reason::kNoPinMatched:
    case Reason::kCaPinMissing:
    case Reason::kLeafPinMissing:
    case Reason::kCertDigestMissing:
      return Code::kPinMismatch;
    case Reason::kBackupPinMatched:
      return Code::kBackupPinMatched;
    case Reason::kRetiringPinMatched:
      return Code::kRetiringPinMatched;
    case Reason::kRevokedKeyInPath:
      return Code::kRevoked;
    case Reason::kLocalAnchor:
      return Code::kLocalAnchorRefused;
    case Reason::kRuleExpired:
      return Code::kPolicyExpired;
    case Reason::kReportMode:
      return Code::kReported;
    case Reason::kRuleOff:
      return Code::kRuleOff;
    case Reason::kUnlisted:
      return Code::kNotPinned;
    case Reason::kOtherPortsOnly:
      return Code::kPortRefused;
    case Reason::kSearchBoundReached:
    case Reason::kOtherPathsUntried:
      return Code::kSearchBound;
    case Reason::kNoVerifiedPath:
      return Code::kNoVerifiedPath;
    case Reason::kPolicyDamaged:
      return Code::kCacheInvalid;
    case Reason::kInspectionCa:
      return Code::kInspectionCa;
    case Reason::kRuleSuspended:
      return Code::kRuleSuspended;
  }
  return Code::kInternal;
}

std::vector<Reason> ReasonSet::List() const {
  std::vector<Reason> list;
  for (unsigned bit = 0; bit <= static_cast<unsigned>(Reason::kRuleSuspended); ++bit) {
    if (Has(static_cast<Reason>(bit))) list.push_back(static_cast<Reason>(bit));
  }
  return list;
}

std::vector<Digest> FoundPins(std::span<const VerifiedPath> paths) {
  std::vector<Digest> found;
  if (paths.empty()) return found;
  for (const PathCertificate& certificate : paths[0].certificates()) {
    found.push_back(certificate.spki);
  }
  return found;
}

std::string BadPinMessage(std::span<const Digest> found) {
  std::string text = "bad ssl pin detected, found pins: [";
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i != 0) text += ' ';
    text += FormatPin(found[i]);
  }
  return text + "]";
}

}  // namespace cotter
