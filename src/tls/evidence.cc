// SPDX-License-Identifier: Apache-2.0
#include "tls/evidence.h"

#include <algorithm>
#include <limits>
#include <new>
#include <optional>

#include "tls/adapter_access.h"
#include "tls/certificate_time.h"

namespace cotter::tls {
namespace {

// EndOf is the earliest notAfter of `chain`. A time that cannot be read has passed.
Time EndOf(const STACK_OF(X509) * chain) {
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const std::optional<Time> read = TimeOf(*X509_get0_notAfter(sk_X509_value(chain, i)));
    end = std::min(end, read ? read->unix_seconds : 0);
  }
  return Time{end};
}

}  // namespace

KeptPaths::KeptPaths(std::span<const VerifiedPath> paths) {
  std::size_t size = 0;
  for (const VerifiedPath& path : paths) size += path.certificates().size();
  certificates_.reserve(size);
  parts_.reserve(paths.size());
  for (const VerifiedPath& path : paths) {
    const std::span<const PathCertificate> own = path.certificates();
    certificates_.insert(certificates_.end(), own.begin(), own.end());
    parts_.push_back({own.size(), path.anchor_origin()});
  }
}

std::vector<VerifiedPath> KeptPaths::Restore() const {
  std::vector<VerifiedPath> paths;
  paths.reserve(parts_.size());
  std::span<const PathCertificate> left = certificates_;
  for (const Part& part : parts_) {
    paths.push_back(AdapterAccess::Make(left.first(part.size), part.origin));
    left = left.subspan(part.size);
  }
  return paths;
}

std::shared_ptr<const Evidence> KeepEvidence(const PolicyIndex& policy, const Endpoint& endpoint,
                                             const Judgement& judgement, Resumption sessions) {
  const std::span<const VerifiedPath> paths = judgement.verification.paths();
  const std::size_t shown = judgement.verdict.match ? judgement.verdict.match->path_index : 0;
  return std::make_shared<const Evidence>(Evidence{
      .endpoint = endpoint,
      .paths = KeptPaths(paths),
      .search_end = judgement.verification.search_end(),
      .partial_chain = policy.partial_chain(),
      .not_after =
          sessions == Resumption::kOff ? Time{} : EndOf(judgement.verification.ChainOf(shown))});
}

Verdict JudgeAgain(const PolicyIndex& policy, const Evidence& evidence, Time now) noexcept {
  std::vector<VerifiedPath> paths;
  // Digests do not say whether a path was a partial one, so it counts as one.
  if (!evidence.partial_chain || policy.partial_chain()) {
    try {
      paths = evidence.paths.Restore();
    } catch (const std::bad_alloc&) {
      paths.clear();
    }
  }
  return Evaluate(policy, evidence.endpoint, paths, evidence.search_end, now);
}

}  // namespace cotter::tls
