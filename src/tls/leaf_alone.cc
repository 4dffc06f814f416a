// SPDX-License-Identifier: Apache-2.0
#include "tls/leaf_alone.h"

#include <array>

#include "tls/adapter_access.h"
#include "tls/certificate_notes.h"

namespace cotter::tls {

LeafJudgement InsecureJudgeLeafAlone(const PolicyIndex& policy, const Endpoint& endpoint, Time now,
                                     const X509& leaf) {
  LeafJudgement judgement;
  const std::optional<PathCertificate> described = DescribeCertificate(leaf, CertDigests::kCompute);
  if (!described) return judgement;
  judgement.found = described->spki;
  const std::array certificates = {*described};
  // The path of the leaf alone: what holds of it holds by the leaf's key, which is proven. It never
  // leaves this function.
  const std::array paths = {AdapterAccess::Make(certificates, AnchorOrigin::kUnknown)};
  judgement.verdict = Evaluate(policy, endpoint, paths, SearchEnd::kComplete, now);
  if (judgement.verdict.allowed() && judgement.verdict.outcome != Outcome::kPinnedOk) {
    judgement.verdict.outcome = judgement.verdict.outcome == Outcome::kReported
                                    ? Outcome::kPinMismatch
                                    : Outcome::kPkiError;
    judgement.verdict.reasons.Add(Reason::kNoVerifiedPath);
  }
  return judgement;
}

}  // namespace cotter::tls
