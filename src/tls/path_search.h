// SPDX-License-Identifier: Apache-2.0
//
// The search for every other path, a part of PathVerifier. Depth first over what the server
// presented and what is trusted; an edge exists where X509_check_issued allows it and the signature
// verifies; no (subject, key) comes twice in a path. Each complete path is then verified on its
// own, with exactly its certificates as untrusted and exactly its anchor as trusted. One thread,
// one use.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "tls/path_verifier.h"

namespace cotter::tls {

class PathSearch {
 public:
  // All arguments are borrowed for the life of the search.
  PathSearch(const PathVerifier& verifier, X509* leaf, STACK_OF(X509) * presented);

  // Run appends every verified path that `found` does not hold yet, and says how it ended.
  [[nodiscard]] SearchEnd Run(Verification& found);

 private:
  // Candidate is a certificate that could stand in a path. Candidates are told apart by their
  // position in candidates_.
  struct Candidate {
    X509Ptr certificate;
    bool trusted = false;
    bool self_signed = false;
    bool distrusted = false;           // its trust settings exclude TLS servers
    bool expanded = false;             // issuers is filled
    std::vector<std::size_t> issuers;  // by name, trusted ones first
  };

  enum class Below : std::uint8_t { kNothing, kVerifiedPath };

  void LookUpTrusted(const X509_NAME* subject);
  std::optional<std::size_t> AddCandidate(X509* certificate, bool trusted);
  void Expand(std::size_t at);
  [[nodiscard]] bool IsEdge(std::size_t subject, std::size_t issuer);
  [[nodiscard]] bool IsDistrusted(std::size_t candidate) const;
  [[nodiscard]] bool IsRepeated(std::size_t candidate) const;
  [[nodiscard]] bool SpendSignatures(std::size_t count);
  Below Explore(Verification& found);
  Below VerifyPath(Verification& found);
  [[nodiscard]] bool IsKnown(const std::vector<X509*>& path, const Verification& found) const;

  const PathVerifier& verifier_;
  StoreContextPtr store_context_;  // for look-ups in the trust store
  std::vector<Candidate> candidates_;
  std::vector<const X509_NAME*> looked_up_;                    // subjects asked of the trust store
  std::map<std::pair<std::size_t, std::size_t>, bool> edges_;  // (subject, issuer) -> holds
  std::vector<std::size_t> path_;
  std::size_t paths_tried_ = 0;
  std::size_t signatures_left_ = kMaxSignatureChecks;
  std::size_t steps_left_;
  bool bound_reached_ = false;
  bool leaf_usable_ = false;
};

}  // namespace cotter::tls
