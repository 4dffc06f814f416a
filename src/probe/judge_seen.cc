// SPDX-License-Identifier: Apache-2.0
#include "probe/judge_seen.h"

#include "tls/judge.h"

namespace cotter::probe {
namespace {

AnchorKind AnchorOf(const std::vector<SeenCertificate>& path, const X509& anchor,
                    const Judges& judges) {
  if (judges.trust.OriginOf(anchor) == AnchorOrigin::kPublic) return AnchorKind::kPublic;
  const bool declared = judges.declared != nullptr && judges.declared->FindByKey(path.back().spki);
  return declared ? AnchorKind::kDeclared : AnchorKind::kLocal;
}

std::vector<Digest> PinsOf(const VerifiedPath& path) {
  std::vector<Digest> pins;
  for (const PathCertificate& one : path.certificates()) pins.push_back(one.spki);
  return pins;
}

}  // namespace

JudgedSeen JudgeSeen(const Endpoint& endpoint, const PresentedChain& presented,
                     const Judges& judges) {
  JudgedSeen judged;
  SeenChain& seen = judged.seen;
  // What is presented comes again in the path.
  SeenCache own;
  SeenCache& cache = judges.cache != nullptr ? *judges.cache : own;
  seen.presented = SeeChain(presented.certificates, cache);
  const tls::Judgement judgement =
      tls::JudgeChain(judges.policy, endpoint, judges.trust, judges.now, presented);
  seen.verdict = judgement.verdict;
  seen.code = judgement.code();
  seen.message = judgement.message();
  const tls::Verification& verification = judgement.verification;
  if (verification.paths().empty()) return judged;
  for (const VerifiedPath& path : verification.paths()) judged.path_pins.push_back(PinsOf(path));
  const std::size_t shown = judgement.verdict.match ? judgement.verdict.match->path_index : 0;
  seen.path = SeeChain(verification.DerOf(shown), cache);
  STACK_OF(X509)* const chain = verification.ChainOf(shown);
  if (!seen.path.empty()) {
    seen.anchor = AnchorOf(seen.path, *sk_X509_value(chain, sk_X509_num(chain) - 1), judges);
  }
  return judged;
}

}  // namespace cotter::probe
