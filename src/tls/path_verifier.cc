// SPDX-License-Identifier: Apache-2.0
#include "tls/path_verifier.h"

#include <array>
#include <string>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/sha256.h"
#include "tls/adapter_access.h"
#include "tls/path_search.h"
#include "tls/path_signatures.h"
#include "tls/profile.h"
#include <cotter/certificate.h>

namespace cotter::tls {
namespace {

// Debian builds libssl with security level 2, and its openssl.cnf says the same.
constexpr int kSecurityLevel = 2;

// OpenSSL's depth counts neither the leaf nor the anchor.
constexpr int kMaxIntermediates = static_cast<int>(kMaxPathLength) - 2;

// RunState is what the callbacks of one run need to know; it hangs on the X509_STORE_CTX.
struct RunState {
  const std::vector<X509*>* exact_path = nullptr;  // leaf first; null: OpenSSL chooses
  LatelySeen& seen;
  Time now;
  bool host_mismatch = false;
};

RunState& StateOf(X509_STORE_CTX* context) {
  return *static_cast<RunState*>(X509_STORE_CTX_get_app_data(context));
}

// OnVerify postpones a name that does not fit, so that everything else about the path is checked
// too and the answer names the graver fault first. Run fails it afterwards. It forgives nothing
// else.
int OnVerify(int ok, X509_STORE_CTX* context) {
  if (ok == 1) return 1;
  const int error = X509_STORE_CTX_get_error(context);
  if (error != X509_V_ERR_HOSTNAME_MISMATCH && error != X509_V_ERR_IP_ADDRESS_MISMATCH) return 0;
  StateOf(context).host_mismatch = true;
  return 1;
}

int OnCheckSignatures(X509_STORE_CTX* context) {
  const RunState& state = StateOf(context);
  return CheckSignatures(context, state.seen, state.now);
}

// OnCheckIssued lets OpenSSL build the given path and no other: `issuer` must stand right after
// `subject` in it. X509_check_issued has held for each such pair before.
int OnCheckIssued(X509_STORE_CTX* context, X509* subject, X509* issuer) {
  const std::vector<X509*>& path = *StateOf(context).exact_path;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    if (X509_cmp(path[i], subject) == 0 && X509_cmp(path[i + 1], issuer) == 0) return 1;
  }
  // The anchor may be asked about itself: that is how OpenSSL sees that it is self-signed.
  const bool is_anchor = X509_cmp(path.back(), subject) == 0 && X509_cmp(subject, issuer) == 0;
  return is_anchor && X509_check_issued(issuer, subject) == X509_V_OK ? 1 : 0;
}

// OwnSteps keeps a run to OpenSSL's own steps and ours, whatever functions a program has put into
// the trust store that is shared with it: one of them could take every signature for a good one.
// False where that cannot be.
bool OwnSteps(X509_STORE_CTX* context, X509_STORE* store) {
  X509_STORE_CTX_set_verify(context, OnCheckSignatures);
  return X509_STORE_get_check_policy(store) == nullptr;
}

// KeptSteps reports that they were still ours at the end: a function of the store is called before
// the signatures are checked, and has the context in its hands.
bool KeptSteps(X509_STORE_CTX* context, const X509_VERIFY_PARAM* param) {
  return X509_STORE_CTX_get_verify(context) == OnCheckSignatures &&
         X509_STORE_CTX_get_verify_cb(context) == OnVerify &&
         X509_STORE_CTX_get0_param(context) == param;
}

PkiFailure FailureOf(X509_STORE_CTX* context) {
  const int depth = X509_STORE_CTX_get_error_depth(context);
  return DescribeX509Error(X509_STORE_CTX_get_error(context),
                           depth < 0 ? 0 : static_cast<std::size_t>(depth),
                           X509_STORE_CTX_get_current_cert(context));
}

PkiFailure OutOfMemory() {
  return PkiFailure{.code = Code::kInternal,
                    .message = "out of memory while verifying a chain",
                    .depth = std::nullopt,
                    .x509_error = X509_V_ERR_OUT_OF_MEM};
}

PkiFailure TooLong(std::size_t count) {
  return PkiFailure{.code = Code::kChainTooLong,
                    .message = "the server presented " + std::to_string(count) +
                               " certificates, at most " + std::to_string(kMaxPathLength) +
                               " are looked at",
                    .depth = std::nullopt,
                    .x509_error = X509_V_ERR_CERT_CHAIN_TOO_LONG};
}

// CountPresented is how many certificates came, the leaf counted once.
std::size_t CountPresented(X509* leaf, const STACK_OF(X509) * presented) {
  const int count = sk_X509_num(presented);
  if (count <= 0) return 1;
  const bool has_leaf = X509_cmp(sk_X509_value(presented, 0), leaf) == 0;
  return static_cast<std::size_t>(count) + (has_leaf ? 0 : 1);
}

}  // namespace

VerifyParamPtr PathVerifier::MakeParam(unsigned long extra_flags) const {
  VerifyParamPtr param(X509_VERIFY_PARAM_new());
  if (!param) return nullptr;
  X509_VERIFY_PARAM_set_time(param.get(), now_.unix_seconds);
  X509_VERIFY_PARAM_set_depth(param.get(), kMaxIntermediates);
  X509_VERIFY_PARAM_set_auth_level(param.get(), kSecurityLevel);
  X509_VERIFY_PARAM_set_hostflags(
      param.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const std::string name(host_.text());
  const int named = host_.is_ip()
                        ? X509_VERIFY_PARAM_set1_ip_asc(param.get(), name.c_str())
                        : X509_VERIFY_PARAM_set1_host(param.get(), name.data(), name.size());
  const bool set =
      named == 1 &&
      X509_VERIFY_PARAM_set_flags(param.get(), X509_V_FLAG_TRUSTED_FIRST | extra_flags) == 1 &&
      X509_VERIFY_PARAM_set_purpose(param.get(), X509_PURPOSE_SSL_SERVER) == 1 &&
      X509_VERIFY_PARAM_set_trust(param.get(), X509_TRUST_SSL_SERVER) == 1;
  if (!set) return nullptr;
  if ((extra_flags & X509_V_FLAG_POLICY_CHECK) != 0) {
    // RFC 5280, 6.1.1 (c): the user's initial policy set is any-policy. OpenSSL takes an empty one
    // for no policy at all.
    ASN1_OBJECT* const any_policy = OBJ_nid2obj(NID_any_policy);
    if (X509_VERIFY_PARAM_add0_policy(param.get(), any_policy) != 1) return nullptr;
  }
  return param;
}

PathVerifier::Attempt PathVerifier::Run(X509_STORE* store, X509* leaf, STACK_OF(X509) * untrusted,
                                        const std::vector<X509*>* exact_path,
                                        unsigned long extra_flags) const {
  const StoreContextPtr context(X509_STORE_CTX_new());
  VerifyParamPtr param = MakeParam(extra_flags);
  if (!context || !param || X509_STORE_CTX_init(context.get(), store, leaf, untrusted) != 1) {
    return {.chain = nullptr, .failure = OutOfMemory()};
  }
  if (!OwnSteps(context.get(), store)) {
    return {.chain = nullptr, .failure = DescribeX509Error(X509_V_ERR_UNSPECIFIED, 0, leaf)};
  }
  RunState state{.exact_path = exact_path, .seen = trust_.lately_seen(), .now = now_};
  const X509_VERIFY_PARAM* const own_param = param.get();
  X509_STORE_CTX_set0_param(context.get(), param.release());
  X509_STORE_CTX_set_app_data(context.get(), &state);
  X509_STORE_CTX_set_verify_cb(context.get(), OnVerify);
  const int verified = X509_verify_cert(context.get());
  ERR_clear_error();
  if (verified != 1) return {.chain = nullptr, .failure = FailureOf(context.get())};
  if (!KeptSteps(context.get(), own_param)) {
    return {.chain = nullptr, .failure = DescribeX509Error(X509_V_ERR_UNSPECIFIED, 0, leaf)};
  }
  X509StackPtr chain(X509_STORE_CTX_get1_chain(context.get()));
  if (!chain) return {.chain = nullptr, .failure = OutOfMemory()};
  // A trusted certificate that is no root may end a path through trust settings of its own
  // (BEGIN TRUSTED CERTIFICATE), without any flag.
  X509* const anchor = sk_X509_value(chain.get(), sk_X509_num(chain.get()) - 1);
  if ((extra_flags & X509_V_FLAG_PARTIAL_CHAIN) == 0 && X509_self_signed(anchor, 0) != 1) {
    const auto depth = static_cast<std::size_t>(sk_X509_num(chain.get()) - 1);
    return {
        .chain = nullptr,
        .failure = DescribeX509Error(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, depth, anchor)};
  }
  if (std::optional<PkiFailure> broken = CheckProfile(chain.get())) {
    return {.chain = nullptr, .failure = std::move(broken)};
  }
  if ((extra_flags & X509_V_FLAG_POLICY_CHECK) == 0 && HasPolicyConstraints(chain.get())) {
    return Run(store, leaf, untrusted, exact_path, extra_flags | X509_V_FLAG_POLICY_CHECK);
  }
  if (state.host_mismatch && needs_.name == NameCheck::kCheck) {
    const int error = host_.is_ip() ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH;
    return {.chain = nullptr, .failure = DescribeX509Error(error, 0, leaf)};
  }
  return {.chain = std::move(chain), .failure = std::nullopt};
}

// RunExactly verifies one path and no other: its certificates are the only untrusted ones, its end
// is the only trusted one, and OpenSSL is allowed no other order.
PathVerifier::Attempt PathVerifier::RunExactly(const std::vector<X509*>& path,
                                               AnchorRule anchor) const {
  const X509StorePtr store(X509_STORE_new());
  const BorrowedX509StackPtr untrusted(sk_X509_new_null());
  if (!store || !untrusted || X509_STORE_add_cert(store.get(), path.back()) != 1) {
    return {.chain = nullptr, .failure = OutOfMemory()};
  }
  for (std::size_t i = 1; i + 1 < path.size(); ++i) {
    if (sk_X509_push(untrusted.get(), path[i]) == 0) {
      return {.chain = nullptr, .failure = OutOfMemory()};
    }
  }
  X509_STORE_set_check_issued(store.get(), OnCheckIssued);
  const unsigned long flags = anchor == AnchorRule::kPartialChain ? X509_V_FLAG_PARTIAL_CHAIN : 0;
  Attempt attempt = Run(store.get(), path.front(), untrusted.get(), &path, flags);
  const bool is_exact =
      attempt.chain && static_cast<std::size_t>(sk_X509_num(attempt.chain.get())) == path.size();
  if (attempt.chain && !is_exact) {
    return {.chain = nullptr,
            .failure = DescribeX509Error(X509_V_ERR_UNSPECIFIED, 0, path.front())};
  }
  return attempt;
}

void PathVerifier::Add(X509StackPtr chain, Verification& found) const {
  std::array<PathCertificate, kMaxPathLength> certificates;
  const auto size = static_cast<std::size_t>(sk_X509_num(chain.get()));
  if (size > kMaxPathLength) {
    found.failure_ = TooLong(size);
    return;
  }
  for (std::size_t i = 0; i < size; ++i) {
    X509* const certificate = sk_X509_value(chain.get(), static_cast<int>(i));
    const CertificateNotes* const notes = NotesOf(certificate);
    const std::optional<PathCertificate> described =
        notes != nullptr ? notes->description
                         : trust_.lately_seen().Describe(*certificate, needs_.cert_digests);
    if (!described) {
      found.failure_ = DescribeFailure(Code::kDerMalformed, X509_V_ERR_CERT_REJECTED, i,
                                       certificate, "not strict DER on the way to its key");
      return;
    }
    certificates[i] = *described;
  }
  const X509* const anchor = sk_X509_value(chain.get(), static_cast<int>(size) - 1);
  const AnchorOrigin origin =
      needs_.origin == OriginCheck::kCompute ? trust_.OriginOf(*anchor) : AnchorOrigin::kUnknown;
  found.paths_.push_back(AdapterAccess::Make(std::span(certificates).first(size), origin));
  found.chains_.push_back(std::move(chain));
  found.failure_.reset();
}

Verification PathVerifier::VerifyDefault(X509* leaf, STACK_OF(X509) * presented) const {
  Verification found;
  const std::size_t count = CountPresented(leaf, presented);
  if (count > kMaxPathLength) {
    found.failure_ = TooLong(count);
    found.search_end_ = SearchEnd::kComplete;
    return found;
  }
  if (HasTooManyNames(leaf, presented)) {
    found.failure_ = DescribeFailure(Code::kNameConstraint, X509_V_ERR_UNSPECIFIED, 0, leaf,
                                     "more names and name constraints than are compared");
    found.search_end_ = SearchEnd::kComplete;
    return found;
  }
  // Even where partial chains are allowed this one must reach a root: a path that ends early would
  // hide the keys above it. Search adds partial paths where nothing goes on.
  Attempt attempt = Run(trust_.store(), leaf, presented, nullptr, 0);
  if (attempt.chain) {
    Add(std::move(attempt.chain), found);
  } else {
    found.failure_ = std::move(attempt.failure);
  }
  return found;
}

void PathVerifier::Search(X509* leaf, STACK_OF(X509) * presented, Verification& found) const {
  if (found.search_end_ != SearchEnd::kDefaultOnly) return;
  found.search_end_ = SearchEnd::kComplete;
  // The name is a property of the leaf, and every path has the same leaf.
  if (found.failure_ && found.failure_->code == Code::kHostMismatch) return;
  PathSearch search(*this, leaf, presented);
  found.search_end_ = search.Run(found);
}

Verification Verification::Failed(const Error& error) {
  Verification failed;
  failed.failure_ = PkiFailure{.code = error.code,
                               .message = error.message,
                               .depth = std::nullopt,
                               .x509_error = X509_V_ERR_CERT_REJECTED};
  failed.search_end_ = SearchEnd::kComplete;
  return failed;
}

std::vector<Bytes> Verification::DerOf(std::size_t index) const {
  std::vector<Bytes> certificates;
  const STACK_OF(X509)* const chain = chains_[index].get();
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    certificates.push_back(tls::DerOf(*sk_X509_value(chain, i)));
  }
  return certificates;
}

Bytes DerOf(const X509& certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(&certificate, &raw);
  const OpensslBytesPtr der(raw);
  COTTER_CHECK(size > 0);
  return Bytes(der.get(), der.get() + size);
}

}  // namespace cotter::tls
