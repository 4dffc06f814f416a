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

constexpr std::string_view kUnlistedHint =
    "; no rule names this host, so it must have a verified path: a rule with mode = \"off\" leaves "
    "it to the program, and --report-only refuses nothing";

// IsLeftToProgram reports that the program's own verification decides, whatever that is. A program
// has one, unlike the other doors, for which a rule that is off leaves PKI.
bool IsLeftToProgram(const Lookup& lookup) {
  return lookup.kind == Lookup::Kind::kRule && lookup.rule.mode() == Mode::kOff;
}

Lookup Find(const Endpoint& endpoint) {
  return TheState().policy.Find(endpoint.host, endpoint.port);
}

// HintOf says what may be done about a refusal of `endpoint`, where that is not the pins' business.
std::string_view HintOf(const Endpoint& endpoint) {
  const bool pki_alone = TheState().policy.unlisted() == Unlisted::kPki &&
                         Find(endpoint).kind == Lookup::Kind::kUnlisted;
  return pki_alone ? kUnlistedHint : std::string_view();
}

Opinion JudgeLeaf(const Endpoint& endpoint, const Evidence& evidence, Time now) {
  tls::LeafJudgement judged =
      tls::InsecureJudgeLeafAlone(TheState().policy, endpoint, now, *evidence.leaf);
  Opinion opinion{.verdict = judged.verdict,
                  .code = judged.verdict.code(),
                  .message = {},
                  .found = {judged.found}};
  if (judged.failure) {
    opinion.code = judged.failure->code;
    opinion.message = judged.failure->message;
    opinion.x509_error = judged.failure->x509_error;
  } else if (judged.verdict.outcome == Outcome::kPinMismatch) {
    opinion.message =
        BadPinMessage(opinion.found) + "; the program trusts no CA, so only a leaf's pin counts";
  } else if (!judged.verdict.allowed()) {
    opinion.message = "the program trusts no CA, so there is no verified path";
  }
  return opinion;
}

Opinion JudgePaths(const Endpoint& endpoint, const Evidence& evidence, tls::NameCheck name,
                   Time now) {
  const auto judge =
      name == tls::NameCheck::kCheck ? tls::JudgeConnection : tls::InsecureJudgeUnnamed;
  tls::Judgement judged =
      judge(TheState().policy, endpoint, *evidence.anchors, now, evidence.leaf, evidence.presented);
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

// JudgeCandidate judges one end point of `candidates`. To a host without a rule a program may be
// connected that names none, and what it resolved is a guess: the name is not held against it.
Opinion JudgeCandidate(const Candidates& candidates, const Endpoint& endpoint,
                       const Evidence& evidence, Time now) {
  const bool unnamed = !candidates.named && Find(endpoint).kind == Lookup::Kind::kUnlisted;
  const auto name = unnamed ? tls::NameCheck::kInsecureSkip : tls::NameCheck::kCheck;
  Opinion opinion = evidence.anchors == nullptr ? JudgeLeaf(endpoint, evidence, now)
                                                : JudgePaths(endpoint, evidence, name, now);
  if (!opinion.verdict.allowed()) opinion.message.append(HintOf(endpoint));
  return opinion;
}

// HoldsRevoked reports that a host which is left to the program is reached by way of a revoked key,
// whatever name the certificate is for.
bool HoldsRevoked(const Endpoint& endpoint, const Evidence& evidence, Time now) {
  if (!TheState().policy.has_revocations()) return false;
  if (evidence.anchors != nullptr &&
      JudgePaths(endpoint, evidence, tls::NameCheck::kInsecureSkip, now).verdict.outcome ==
          Outcome::kRevoked) {
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

// TellLeft tells of a host that is left to the program.
void TellLeft(const Candidates& candidates, const Endpoint& endpoint, const CompiledRule& rule,
              Time now) {
  Tell({.action = Action::kAllowed,
        .endpoint = &endpoint,
        .outcome = NameOf(Outcome::kNotPinned),
        .code = Code::kRuleOff,
        .rule = rule.pattern(),
        .peer = candidates.peer},
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
    const Lookup lookup = Find(endpoint);
    const bool left = IsLeftToProgram(lookup);
    if (left && !HoldsRevoked(endpoint, evidence, now)) {
      TellLeft(candidates, endpoint, lookup.rule, now);
      whole = false;
      continue;
    }
    Opinion opinion = left ? RevokedOpinion(evidence, endpoint, now)
                           : JudgeCandidate(candidates, endpoint, evidence, now);
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
  return !candidates.undecidable.empty() ||
         std::ranges::any_of(candidates.endpoints, [](const Endpoint& endpoint) {
           return !IsLeftToProgram(Find(endpoint));
         });
}

Answer RuleUnseen(const Candidates& candidates, std::string_view why) {
  if (!NeedsCertificate(candidates)) return Answer::kUnruled;
  const bool report_only = TheState().settings.report_only;
  std::string message(candidates.undecidable.empty() ? why : candidates.undecidable);
  if (candidates.endpoints.size() == 1) message.append(HintOf(candidates.endpoints.front()));
  TellUndecidable(message, candidates.peer, report_only ? Action::kReported : Action::kRefused);
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
