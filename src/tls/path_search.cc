// SPDX-License-Identifier: Apache-2.0
#include "tls/path_search.h"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace cotter::tls {
namespace {

// Trusted certificates that take part in one search. A machine has two or three of one name (a root
// and its cross-signs); a private trust store with more makes the search give up.
constexpr std::size_t kMaxCandidates = 64;

// Moves of the search, verified paths or not. Signatures and paths have bounds of their own; this
// one holds for meshes of valid cross-signs that never reach an anchor.
constexpr std::size_t kMaxSteps = 4096;

// IsSameEntity tells a CA (or server) by its name and key, which is how paths see it: two
// certificates of one CA differ in who vouches for it.
bool IsSameEntity(const X509* a, const X509* b) {
  if (X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) != 0) return false;
  const EVP_PKEY* const key_a = X509_get0_pubkey(a);
  const EVP_PKEY* const key_b = X509_get0_pubkey(b);
  const bool same = key_a != nullptr && key_b != nullptr && EVP_PKEY_eq(key_a, key_b) == 1;
  ERR_clear_error();
  return same;
}

}  // namespace

PathSearch::PathSearch(const PathVerifier& verifier, X509* leaf, STACK_OF(X509) * presented)
    : verifier_(verifier), store_context_(X509_STORE_CTX_new()), steps_left_(kMaxSteps) {
  if (!store_context_ ||
      X509_STORE_CTX_init(store_context_.get(), verifier.trust_.store(), leaf, nullptr) != 1) {
    bound_reached_ = true;
    return;
  }
  // What is trusted comes first: of two equal certificates the trusted one counts, with the trust
  // settings it may carry, and a distrusted one is no candidate however it was presented.
  LookUpTrusted(X509_get_subject_name(leaf));
  for (int i = 0; i < sk_X509_num(presented); ++i) {
    LookUpTrusted(X509_get_subject_name(sk_X509_value(presented, i)));
  }
  const std::optional<std::size_t> start = AddCandidate(leaf, false);
  if (start) {
    path_.push_back(*start);
    leaf_usable_ = true;
  }
  for (int i = 0; i < sk_X509_num(presented); ++i) {
    AddCandidate(sk_X509_value(presented, i), false);
  }
}

// LookUpTrusted makes candidates of every trusted certificate of that name, once.
void PathSearch::LookUpTrusted(const X509_NAME* subject) {
  const auto is_same = [subject](const X509_NAME* other) {
    return X509_NAME_cmp(subject, other) == 0;
  };
  if (std::ranges::any_of(looked_up_, is_same)) return;
  looked_up_.push_back(subject);
  const X509StackPtr trusted(X509_STORE_CTX_get1_certs(store_context_.get(), subject));
  ERR_clear_error();
  for (int i = 0; i < sk_X509_num(trusted.get()); ++i) {
    AddCandidate(sk_X509_value(trusted.get(), i), true);
  }
}

// AddCandidate is the position of `certificate`, new or known; nullopt where it must not stand in
// any path.
std::optional<std::size_t> PathSearch::AddCandidate(X509* certificate, bool trusted) {
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (X509_cmp(candidates_[i].certificate.get(), certificate) == 0) return i;
  }
  if (candidates_.size() == kMaxCandidates) {
    bound_reached_ = true;
    return std::nullopt;
  }
  Candidate candidate;
  candidate.certificate = AddReference(certificate);
  candidate.trusted = trusted;
  candidate.distrusted =
      trusted && X509_check_trust(certificate, X509_TRUST_SSL_SERVER, 0) == X509_TRUST_REJECTED;
  candidate.self_signed = X509_self_signed(certificate, 0) == 1;
  candidates_.push_back(std::move(candidate));
  return candidates_.size() - 1;
}

void PathSearch::Expand(std::size_t at) {
  if (candidates_[at].expanded) return;
  candidates_[at].expanded = true;
  const X509_NAME* const issuer = X509_get_issuer_name(candidates_[at].certificate.get());
  LookUpTrusted(issuer);
  std::vector<std::size_t> issuers;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (X509_NAME_cmp(X509_get_subject_name(candidates_[i].certificate.get()), issuer) == 0) {
      issuers.push_back(i);
    }
  }
  std::stable_partition(issuers.begin(), issuers.end(),
                        [this](std::size_t i) { return candidates_[i].trusted; });
  candidates_[at].issuers = std::move(issuers);
}

bool PathSearch::SpendSignatures(std::size_t count) {
  if (signatures_left_ < count) {
    bound_reached_ = true;
    return false;
  }
  signatures_left_ -= count;
  return true;
}

bool PathSearch::IsEdge(std::size_t subject, std::size_t issuer) {
  const auto known = edges_.find({subject, issuer});
  if (known != edges_.end()) return known->second;
  X509* const lower = candidates_[subject].certificate.get();
  X509* const upper = candidates_[issuer].certificate.get();
  bool holds = X509_check_issued(upper, lower) == X509_V_OK;
  if (holds) {
    if (!SpendSignatures(1)) return false;
    holds = verifier_.trust_.lately_seen().IsSigned(*lower, *upper);
  }
  ERR_clear_error();
  edges_.emplace(std::pair(subject, issuer), holds);
  return holds;
}

bool PathSearch::IsRepeated(std::size_t candidate) const {
  const X509* const next = candidates_[candidate].certificate.get();
  return std::ranges::any_of(path_, [&](std::size_t at) {
    return at == candidate || IsSameEntity(next, candidates_[at].certificate.get());
  });
}

// IsDistrusted reports that the trust store distrusts this CA: in this certificate or in another
// one of the same name and key, or distrust could be evaded by presenting a cross-sign.
bool PathSearch::IsDistrusted(std::size_t candidate) const {
  const X509* const certificate = candidates_[candidate].certificate.get();
  return std::ranges::any_of(candidates_, [certificate](const Candidate& other) {
    return other.distrusted && IsSameEntity(certificate, other.certificate.get());
  });
}

PathSearch::Below PathSearch::Explore(Verification& found) {
  if (bound_reached_) return Below::kNothing;
  if (steps_left_-- == 0) {
    bound_reached_ = true;
    steps_left_ = 0;
    return Below::kNothing;
  }
  const std::size_t top = path_.back();
  if (IsDistrusted(top)) return Below::kNothing;
  if (candidates_[top].trusted && candidates_[top].self_signed) return VerifyPath(found);
  Below below = Below::kNothing;
  if (path_.size() < kMaxPathLength) {
    Expand(top);
    const std::vector<std::size_t> issuers = candidates_[top].issuers;  // the vector may move
    for (const std::size_t issuer : issuers) {
      if (IsRepeated(issuer) || !IsEdge(top, issuer)) continue;
      path_.push_back(issuer);
      if (Explore(found) == Below::kVerifiedPath) below = Below::kVerifiedPath;
      path_.pop_back();
    }
  }
  const bool may_end_here = candidates_[top].trusted && below == Below::kNothing &&
                            verifier_.needs_.anchors == AnchorRule::kPartialChain;
  return may_end_here ? VerifyPath(found) : below;
}

bool PathSearch::IsKnown(const std::vector<X509*>& path, const Verification& found) const {
  return std::ranges::any_of(found.chains_, [&path](const X509StackPtr& chain) {
    if (static_cast<std::size_t>(sk_X509_num(chain.get())) != path.size()) return false;
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (X509_cmp(sk_X509_value(chain.get(), static_cast<int>(i)), path[i]) != 0) return false;
    }
    return true;
  });
}

PathSearch::Below PathSearch::VerifyPath(Verification& found) {
  std::vector<X509*> path;
  for (const std::size_t at : path_) path.push_back(candidates_[at].certificate.get());
  if (IsKnown(path, found)) return Below::kVerifiedPath;
  if (paths_tried_ == kMaxPaths || !SpendSignatures(path.size() - 1)) {
    bound_reached_ = true;
    return Below::kNothing;
  }
  ++paths_tried_;
  PathVerifier::Attempt attempt =
      verifier_.RunExactly(path, candidates_[path_.back()].self_signed ? AnchorRule::kSelfSigned
                                                                       : AnchorRule::kPartialChain);
  if (!attempt.chain) {
    // Why a path to an anchor failed says more than that OpenSSL found none.
    const bool none_before = found.failure_ && (found.failure_->code == Code::kIssuerUnknown ||
                                                found.failure_->code == Code::kSelfSigned);
    if (none_before) found.failure_ = std::move(attempt.failure);
    return Below::kNothing;
  }
  verifier_.Add(std::move(attempt.chain), found);
  return Below::kVerifiedPath;
}

SearchEnd PathSearch::Run(Verification& found) {
  if (leaf_usable_) Explore(found);
  return bound_reached_ ? SearchEnd::kBoundReached : SearchEnd::kComplete;
}

}  // namespace cotter::tls
