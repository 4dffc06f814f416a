// SPDX-License-Identifier: Apache-2.0
//
// What is kept of a handshake, so that its connection, and the sessions that came of it, can be
// judged again without it: digests, no certificates. Immutable and shared; the functions are safe
// from any thread. For the OpenSSL door.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tls/judge.h"
#include <cotter/host.h>
#include <cotter/openssl.h>
#include <cotter/policy_index.h>

namespace cotter::tls {

// KeptPaths is verified paths in the room that they need: a VerifiedPath has room for the longest,
// and evidence is kept for each connection and session.
class KeptPaths {
 public:
  KeptPaths() = default;
  explicit KeptPaths(std::span<const VerifiedPath> paths);

  // Restore is the paths as they were. Allocates.
  [[nodiscard]] std::vector<VerifiedPath> Restore() const;

 private:
  struct Part {
    std::size_t size;
    AnchorOrigin origin;
  };

  std::vector<PathCertificate> certificates_;  // of all paths, one after the other
  std::vector<Part> parts_;
};

struct Evidence {
  Endpoint endpoint;
  KeptPaths paths;
  SearchEnd search_end = SearchEnd::kDefaultOnly;
  bool partial_chain = false;  // the paths were verified under a policy that allows partial ones
  Time not_after;  // when the first certificate of the path that counted ends; only for sessions
};

// KeepEvidence is the evidence of `judgement`, which allowed a connection to `endpoint` under
// `policy`. Without `sessions` it says nothing of when certificates end.
[[nodiscard]] std::shared_ptr<const Evidence> KeepEvidence(const PolicyIndex& policy,
                                                           const Endpoint& endpoint,
                                                           const Judgement& judgement,
                                                           Resumption sessions);

// JudgeAgain is the verdict of `policy`, which may be another one, on what is known. Where it needs
// to know more than was kept the answer is no, and a new handshake will tell; so it is without
// memory. The verdict's rule borrows from `policy`.
[[nodiscard]] Verdict JudgeAgain(const PolicyIndex& policy, const Evidence& evidence,
                                 Time now) noexcept;

}  // namespace cotter::tls
