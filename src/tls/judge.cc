// SPDX-License-Identifier: Apache-2.0
#include "tls/judge.h"

#include <openssl/ssl.h>

namespace cotter::tls {
namespace {

// NeedsOf is what the rule of `endpoint` wants to know of a path.
PathNeeds NeedsOf(const PolicyIndex& policy, const Endpoint& endpoint) noexcept {
  PathNeeds needs;
  if (policy.partial_chain()) needs.anchors = AnchorRule::kPartialChain;
  const Lookup lookup = policy.Find(endpoint.host, endpoint.port);
  if (lookup.kind != Lookup::Kind::kRule) return needs;
  if (lookup.rule.needs_cert_digests()) needs.cert_digests = CertDigests::kCompute;
  if (lookup.rule.local_anchors() == LocalAnchors::kRefuse) needs.origin = OriginCheck::kCompute;
  return needs;
}

Judgement Judge(const PolicyIndex& policy, const Endpoint& endpoint, const PathVerifier& verifier,
                Time now, X509* leaf, STACK_OF(X509) * presented) {
  const auto judge = [&](const Verification& found) {
    return Evaluate(policy, endpoint, found.paths(), found.search_end(), now);
  };
  Judgement judgement{.verification = verifier.VerifyDefault(leaf, presented), .verdict = {}};
  judgement.verdict = judge(judgement.verification);
  // In report mode too: a mismatch is told only where no path would have done.
  if (judgement.verification.failure() ||
      judgement.verdict.reasons.Has(Reason::kOtherPathsUntried)) {
    verifier.Search(leaf, presented, judgement.verification);
    judgement.verdict = judge(judgement.verification);
  }
  return judgement;
}

}  // namespace

std::optional<Code> Judgement::code() const noexcept {
  if (verdict.outcome == Outcome::kPkiError && verification.failure()) {
    return verification.failure()->code;
  }
  return verdict.code();
}

std::string Judgement::message() const {
  // Where the search gave up, what was wrong with the paths it tried is not the reason.
  const bool undecided = verdict.outcome == Outcome::kSearchBound;
  if (verification.failure() && !verdict.allowed() && !undecided) {
    return verification.failure()->message;
  }
  return DescribeVerdict(verdict, FoundPins(verification.paths()));
}

std::string DescribeVerdict(const Verdict& verdict, std::span<const Digest> found) {
  if (verdict.outcome == Outcome::kPinMismatch || verdict.outcome == Outcome::kReported) {
    return BadPinMessage(found);
  }
  if (verdict.allowed()) return {};
  const std::optional<Code> reason = verdict.code();
  for (const CodeInfo& info : AllCodes()) {
    if (info.code == reason) return std::string(info.summary);
  }
  return {};
}

Judgement JudgeConnection(const PolicyIndex& policy, const Endpoint& endpoint,
                          const TrustStore& trust, Time now, X509* leaf,
                          STACK_OF(X509) * presented) {
  const PathVerifier verifier(trust, endpoint.host, now, NeedsOf(policy, endpoint));
  return Judge(policy, endpoint, verifier, now, leaf, presented);
}

Judgement InsecureJudgeUnnamed(const PolicyIndex& policy, const Endpoint& endpoint,
                               const TrustStore& trust, Time now, X509* leaf,
                               STACK_OF(X509) * presented) {
  PathNeeds needs = NeedsOf(policy, endpoint);
  needs.name = NameCheck::kInsecureSkip;
  const PathVerifier verifier(trust, endpoint.host, now, needs);
  return Judge(policy, endpoint, verifier, now, leaf, presented);
}

Judgement JudgeOpen(const PolicyIndex& policy, const Endpoint& endpoint, const TrustStore& trust,
                    Time now, const SSL* ssl) {
  X509* const leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return JudgeChain(policy, endpoint, trust, now, PresentedChain());
  return JudgeConnection(policy, endpoint, trust, now, leaf, SSL_get_peer_cert_chain(ssl));
}

Judgement JudgeChain(const PolicyIndex& policy, const Endpoint& endpoint, const TrustStore& trust,
                     Time now, const PresentedChain& presented) {
  const Result<ParsedChain> chain = ParseChain(presented);
  if (chain) {
    return JudgeConnection(policy, endpoint, trust, now, chain->leaf.get(), chain->rest.get());
  }
  Judgement judgement{.verification = Verification::Failed(chain.error()), .verdict = {}};
  judgement.verdict = Evaluate(policy, endpoint, {}, judgement.verification.search_end(), now);
  return judgement;
}

}  // namespace cotter::tls
