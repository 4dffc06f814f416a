// SPDX-License-Identifier: Apache-2.0
#include "tls/evidence.h"

#include <algorithm>
#include <ctime>
#include <limits>

#include <openssl/asn1.h>

namespace cotter::tls {
namespace {

// EndOf is the earliest notAfter of `chain`. A time that cannot be read has passed.
Time EndOf(const STACK_OF(X509) * chain) {
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    std::tm civil{};
    const bool read = ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, i)), &civil) == 1;
    end = std::min(end, read ? static_cast<std::int64_t>(timegm(&civil)) : 0);
  }
  return Time{end};
}

}  // namespace

std::shared_ptr<const Evidence> KeepEvidence(const PolicyIndex& policy, const Endpoint& endpoint,
                                             const Judgement& judgement, Resumption sessions) {
  const std::span<const VerifiedPath> paths = judgement.verification.paths();
  const std::size_t shown = judgement.verdict.match ? judgement.verdict.match->path_index : 0;
  return std::make_shared<const Evidence>(Evidence{
      .endpoint = endpoint,
      .paths = {paths.begin(), paths.end()},
      .search_end = judgement.verification.search_end(),
      .partial_chain = policy.partial_chain(),
      .not_after =
          sessions == Resumption::kOff ? Time{} : EndOf(judgement.verification.ChainOf(shown))});
}

Verdict JudgeAgain(const PolicyIndex& policy, const Evidence& evidence, Time now) noexcept {
  // Digests do not say whether a path was a partial one, so it counts as one.
  const bool unsound = evidence.partial_chain && !policy.partial_chain();
  return Evaluate(policy, evidence.endpoint,
                  unsound ? std::span<const VerifiedPath>() : evidence.paths, evidence.search_end,
                  now);
}

}  // namespace cotter::tls
