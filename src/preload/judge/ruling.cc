// SPDX-License-Identifier: Apache-2.0
#include "preload/judge/ruling.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "preload/judge/audit.h"
#include "preload/judge/state.h"
#include "tls/judge.h"
#include "tls/leaf_alone.h"

namespace cotter::preload {
namespace {

// Opinion is what came of one candidate.
struct Opinion {
  Verdict verdict;
  std::optional<Code> code;
  std::string message;
  std::vector<Digest> found;
  int x509_error = X509_V_ERR_APPLICATION_VERIFICATION;
  tls::X509StackPtr default_path = nullptr;  // as in Ruling
};

// IsLeftToProgram reports that no rule decides about `endpoint`, so that the program's own
// verification does, whatever that is.
bool IsLeftToProgram(const PolicyIndex& policy, const Lookup& lookup) {
  if (lookup.kind == Lookup::Kind::kUnlisted) return policy.unlisted() == Unlisted::kPki;
  return lookup.kind == Lookup::Kind::kRule && lookup.rule.mode() == Mode::kOff;
}

Opinion JudgeLeaf(const Endpoint& endpoint, const Evidence& evidence, Time now) {
  tls::LeafJudgement judged =
      tls::InsecureJudgeLeafAlone(TheState().policy, endpoint, now, *evidence.leaf);
  Opinion opinion{.verdict = judged.verdict,
                  .code = judged.verdict.code(),
                  .message = {},
                  .found = {judged.found}};
  if (judged.verdict.outcome == Outcome::kPinMismatch) {
    opinion.message =
        BadPinMessage(opinion.found) + "; the program trusts no CA, so only a leaf's pin counts";
  } else if (!judged.verdict.allowed()) {
    opinion.message = "the program trusts no CA, so there is no verified path";
  }
  return opinion;
}

Opinion JudgePaths(const Endpoint& endpoint, const Evidence& evidence, Time now) {
  tls::Judgement judged = tls::JudgeConnection(TheState().policy, endpoint, *evidence.anchors, now,
                                               evidence.leaf, evidence.presented);
  Opinion opinion{.verdict = judged.verdict,
                  .code = judged.code(),
                  .message = judged.message(),
                  .found = FoundPins(judged.verification.paths())};
  if (judged.verification.failure()) opinion.x509_error = judged.verification.failure()->x509_error;
  if (judged.verdict.allowed() && judged.verification.search_end() == SearchEnd::kDefaultOnly) {
    opinion.default_path = judged.verification.TakeChain(0);
  }
  return opinion;
}

Opinion JudgeCandidate(const Endpoint& endpoint, const Evidence& evidence, Time now) {
  return evidence.anchors == nullptr ? JudgeLeaf(endpoint, evidence, now)
                                     : JudgePaths(endpoint, evidence, now);
}

// HoldsRevoked reports that a host without a rule is reached by way of a revoked key.
bool HoldsRevoked(const Endpoint& endpoint, const Evidence& evidence, Time now) {
  if (!TheState().policy.has_revocations()) return false;
  if (evidence.anchors != nullptr &&
      JudgePaths(endpoint, evidence, now).verdict.outcome == Outcome::kRevoked) {
    return true;
  }
  return TheState().policy.IsRevoked(JudgeLeaf(endpoint, evidence, now).found.front());
}

Action ActionOf(const Verdict& verdict) {
  if (verdict.allowed()) {
    return verdict.outcome == Outcome::kReported ? Action::kReported : Action::kAllowed;
  }
  return TheState().settings.report_only ? Action::kReported : Action::kRefused;
}

void TellOpinion(const Candidates& candidates, const Endpoint& endpoint, const Opinion& opinion,
                 Action action, Time now) {
  const Verdict& verdict = opinion.verdict;
  Tell({.action = action,
        .endpoint = &endpoint,
        .outcome = NameOf(verdict.outcome),
        .code = opinion.code,
        .message = opinion.message,
        .reasons = verdict.reasons.List(),
        .found = opinion.found,
        .rule = verdict.rule ? verdict.rule->pattern() : std::string(),
        .peer = candidates.peer,
        .unlisted = verdict.reasons.Has(Reason::kUnlisted)},
       now);
}

// TellUnruled tells of a host that is left to the program.
void TellUnruled(const Candidates& candidates, const Endpoint& endpoint, const Lookup& lookup,
                 Time now) {
  const bool unlisted = lookup.kind == Lookup::Kind::kUnlisted;
  Tell({.action = Action::kAllowed,
        .endpoint = &endpoint,
        .outcome = NameOf(Outcome::kNotPinned),
        .code = unlisted ? Code::kNotPinned : Code::kRuleOff,
        .peer = candidates.peer,
        .unlisted = unlisted},
       now);
}

Opinion RevokedOpinion(const Evidence& evidence, const Endpoint& endpoint, Time now) {
  Opinion opinion = JudgeLeaf(endpoint, evidence, now);
  opinion.verdict = Verdict();
  opinion.verdict.outcome = Outcome::kRevoked;
  opinion.verdict.reasons.Add(Reason::kRevokedKeyInPath);
  opinion.code = Code::kRevoked;
  opinion.message = BadPinMessage(opinion.found) + "; a key is revoked";
  return opinion;
}

}  // namespace

Ruling Rule(const Candidates& candidates, const Evidence& evidence, Finality finality) {
  const State& state = TheState();
  const bool report_only = state.settings.report_only;
  if (!candidates.undecidable.empty() || candidates.endpoints.empty()) {
    TellUndecidable(candidates.undecidable, candidates.peer,
                    report_only ? Action::kReported : Action::kRefused);
    return {.answer = report_only ? Answer::kUnruled : Answer::kRefused};
  }
  const Time now = base::Now();
  Ruling ruling{.answer = Answer::kUnruled, .outcome = Outcome::kNotPinned};
  bool whole = true;  // every candidate was allowed by the default path
  for (const Endpoint& endpoint : candidates.endpoints) {
    const Lookup lookup = state.policy.Find(endpoint.host, endpoint.port);
    const bool left = IsLeftToProgram(state.policy, lookup);
    if (left && !HoldsRevoked(endpoint, evidence, now)) {
      TellUnruled(candidates, endpoint, lookup, now);
      whole = false;
      continue;
    }
    Opinion opinion =
        left ? RevokedOpinion(evidence, endpoint, now) : JudgeCandidate(endpoint, evidence, now);
    const Action action = ActionOf(opinion.verdict);
    if (action != Action::kAllowed && finality == Finality::kMoreAnchors) return {};
    TellOpinion(candidates, endpoint, opinion, action, now);
    if (action == Action::kRefused) {
      return {.answer = Answer::kRefused,
              .outcome = opinion.verdict.outcome,
              .x509_error = opinion.x509_error};
    }
    ruling.outcome = opinion.verdict.outcome;
    // Where nothing is refused, what the program itself decides stands.
    if (opinion.verdict.allowed()) ruling.answer = Answer::kAllowed;
    whole = whole && opinion.default_path;
    ruling.default_path = std::move(opinion.default_path);
  }
  if (!whole) ruling.default_path.reset();
  return ruling;
}

bool NeedsCertificate(const Candidates& candidates) {
  const State& state = TheState();
  return !candidates.undecidable.empty() ||
         std::ranges::any_of(candidates.endpoints, [&state](const Endpoint& endpoint) {
           return !IsLeftToProgram(state.policy, state.policy.Find(endpoint.host, endpoint.port));
         });
}

Answer RuleUnseen(const Candidates& candidates, std::string_view why) {
  if (!NeedsCertificate(candidates)) return Answer::kUnruled;
  const bool report_only = TheState().settings.report_only;
  TellUndecidable(candidates.undecidable.empty() ? why : candidates.undecidable, candidates.peer,
                  report_only ? Action::kReported : Action::kRefused);
  return report_only ? Answer::kUnruled : Answer::kRefused;
}

void TellResumed(const Candidates& candidates, Outcome outcome) {
  const Time now = base::Now();
  for (const Endpoint& endpoint : candidates.endpoints) {
    Tell({.action = Action::kAllowed,
          .endpoint = &endpoint,
          .outcome = NameOf(outcome),
          .peer = candidates.peer,
          .unlisted = outcome == Outcome::kNotPinned,
          .resumed = true},
         now);
  }
}

}  // namespace cotter::preload
