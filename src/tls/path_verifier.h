// SPDX-License-Identifier: Apache-2.0
//
// The one way in which cotter verifies a chain. The verifier's flags are fixed here, for every
// door, so that doors agree (DESIGN, section 2, rule 2):
//   - an anchor is a trusted self-signed certificate; a trusted certificate that is not self-signed
//     ends a path only under AnchorRule::kPartialChain, and only where no path goes on to a root;
//   - purpose TLS server, the reference host by subjectAltName alone (never the CN, no partial
//     wildcards), the time that the caller gives;
//   - security level 2, which is what Debian's libssl is built with: no SHA-1 signatures, RSA of
//     2048 bits at least;
//   - what RFC 5280 demands and OpenSSL lets pass by default: see profile.h.
// First comes OpenSSL's own path. OpenSSL does not go back when that one fails or misses the pins,
// so Search tries every other, each verified on its own by the same parameters.
//
// A verifier is used by one thread for one connection and borrows what it was made from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tls/certificate_notes.h"
#include "tls/openssl_ptr.h"
#include "tls/pki_failure.h"
#include "tls/trust_store.h"
#include <cotter/evaluate.h>
#include <cotter/host.h>
#include <cotter/path.h>
#include <cotter/time.h>

namespace cotter::tls {

// The signatures that are checked while searching for other paths. A padded chain makes
// candidates, each costs a check (45 us for P-256, some ms for the largest RSA keys), so the search
// must end: the largest real search known has about 30.
inline constexpr std::size_t kMaxSignatureChecks = 128;

// What may end a path.
enum class AnchorRule : std::uint8_t {
  kSelfSigned,    // a trusted self-signed certificate
  kPartialChain,  // also a trusted certificate of another kind, where no root can be reached
};

// Whether a path should say where its anchor comes from, for rules that refuse local anchors.
enum class OriginCheck : std::uint8_t { kSkip, kCompute };

// Whether the leaf must be for the reference host. It need not be only where there is none: a
// program below `cotter exec` that named no server, to a host without a rule.
enum class NameCheck : std::uint8_t { kCheck, kInsecureSkip };

// PathNeeds is what a rule wants to know of a path beside its SPKI digests.
struct PathNeeds {
  AnchorRule anchors = AnchorRule::kSelfSigned;
  CertDigests cert_digests = CertDigests::kSkip;
  OriginCheck origin = OriginCheck::kSkip;
  NameCheck name = NameCheck::kCheck;
};

// Verification is what a verifier found.
class Verification {
 public:
  // paths are the verified paths, the default one first. Empty exactly when failure() is set.
  [[nodiscard]] std::span<const VerifiedPath> paths() const noexcept COTTER_LIFETIME_BOUND {
    return paths_;
  }
  [[nodiscard]] SearchEnd search_end() const noexcept { return search_end_; }

  // failure is why OpenSSL's own path did not verify, while no other was found either.
  [[nodiscard]] const std::optional<PkiFailure>& failure() const noexcept { return failure_; }

  // DerOf is the certificates of paths()[index], leaf first, for display. Allocates.
  [[nodiscard]] std::vector<Bytes> DerOf(std::size_t index) const;

  // ChainOf is the same as OpenSSL's objects, borrowed.
  [[nodiscard]] STACK_OF(X509) * ChainOf(std::size_t index) const noexcept {
    return chains_[index].get();
  }

  // TakeChain hands over what ChainOf lends; after that neither it nor DerOf may be asked for.
  [[nodiscard]] X509StackPtr TakeChain(std::size_t index) noexcept {
    return std::move(chains_[index]);
  }

  // Failed is the result for a chain that could not be looked at, for the reason in `error`.
  [[nodiscard]] static Verification Failed(const Error& error);

 private:
  friend class PathVerifier;
  friend class PathSearch;

  std::vector<VerifiedPath> paths_;
  std::vector<X509StackPtr> chains_;  // one for each path
  std::optional<PkiFailure> failure_;
  SearchEnd search_end_ = SearchEnd::kDefaultOnly;
};

// DerOf is the encoding of `certificate`, as it was received. Allocates.
[[nodiscard]] Bytes DerOf(const X509& certificate);

// PathVerifier verifies what one server presented.
class PathVerifier {
 public:
  PathVerifier(const TrustStore& trust COTTER_LIFETIME_BOUND,
               const HostName& host COTTER_LIFETIME_BOUND, Time now, PathNeeds needs) noexcept
      : trust_(trust), host_(host), now_(now), needs_(needs) {}

  // VerifyDefault looks at OpenSSL's own path from `leaf`. `presented` (may be null) are the
  // certificates that came with it; whether the leaf is among them does not matter. More than
  // kMaxPathLength of them are refused before any work (kChainTooLong).
  [[nodiscard]] Verification VerifyDefault(X509* leaf, STACK_OF(X509) * presented) const;

  // Search adds every other path to `found`, which VerifyDefault made for the same chain, and
  // decides how the search ended. It does nothing where no other path could be better: where the
  // leaf itself is not for the host, or the chain was refused unread. It is bounded by kMaxPaths
  // and kMaxSignatureChecks.
  void Search(X509* leaf, STACK_OF(X509) * presented, Verification& found) const;

 private:
  friend class PathSearch;

  // Attempt is one run of X509_verify_cert.
  struct Attempt {
    X509StackPtr chain;                 // set when it verified
    std::optional<PkiFailure> failure;  // set when it did not
  };

  [[nodiscard]] VerifyParamPtr MakeParam(unsigned long extra_flags) const;
  [[nodiscard]] Attempt Run(X509_STORE* store, X509* leaf, STACK_OF(X509) * untrusted,
                            const std::vector<X509*>* exact_path, unsigned long extra_flags) const;
  [[nodiscard]] Attempt RunExactly(const std::vector<X509*>& path, AnchorRule anchor) const;
  void Add(X509StackPtr chain, Verification& found) const;

  const TrustStore& trust_;
  const HostName& host_;
  Time now_;
  PathNeeds needs_;
};

// Whether VerifyPresented looks at other paths when the default one verifies.
enum class SearchMode : std::uint8_t {
  kWhenDefaultFails,  // other paths are tried only where the default one does not verify
  kAlways,
};

// ParsedChain is a presented chain as OpenSSL's objects.
struct ParsedChain {
  X509Ptr leaf;
  X509StackPtr rest;
};

// ParseChain reads what a server presented, leaf first. Each certificate must be exactly one DER
// encoding, so that digests are those of the bytes as sent. Fails with kChainTooLong before
// anything is parsed, kInputUnknown (no certificate), kDerMalformed.
[[nodiscard]] Result<ParsedChain> ParseChain(const PresentedChain& presented);

// VerifyChain verifies a chain that did not come through a TLS library: from a file, or recorded. A
// chain that cannot be parsed is a failure() of the result, with ParseChain's codes.
[[nodiscard]] Verification VerifyChain(const PresentedChain& presented, const TrustStore& trust,
                                       const HostName& host, Time now, PathNeeds needs,
                                       SearchMode mode);

}  // namespace cotter::tls
