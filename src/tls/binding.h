// SPDX-License-Identifier: Apache-2.0
//
// What a session is bound to (DESIGN, section 2, rule 6): one digest over everything that decides
// about a connection beside the certificates. libssl carries it in a session as its context, also
// into a file and back, and ends a handshake that resumes a session of another context. For the
// OpenSSL door; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>

#include "tls/openssl_ptr.h"
#include "tls/trust_store.h"
#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/policy_index.h>

namespace cotter::tls {

// Binder makes the digests. One an enforcer.
class Binder {
 public:
  // Bind covers the rule of `endpoint` with its pins, what holds for the whole policy (revoked
  // keys, inspection CAs, unlisted hosts, partial chains), the trust store, the endpoint, and the
  // client certificate that `ssl` would show: a server remembers whom it spoke to. ALPN is not in
  // it, because TLS agrees on that anew in every handshake (RFC 7301, 3.1).
  [[nodiscard]] Digest Bind(const std::shared_ptr<const PolicyIndex>& policy,
                            const Endpoint& endpoint, const TrustStore& trust, const SSL* ssl);

 private:
  // Endpoints whose digest is remembered; a client that speaks to more makes some of them again.
  static constexpr std::size_t kMostKept = 16;

  struct Kept {
    std::optional<Endpoint> endpoint;
    const TrustStore* trust = nullptr;
    Digest digest;
  };

  [[nodiscard]] Digest WholePolicy(const std::shared_ptr<const PolicyIndex>& policy);
  [[nodiscard]] std::optional<Digest> Find(const std::shared_ptr<const PolicyIndex>& policy,
                                           const Endpoint& endpoint, const TrustStore& trust);

  std::mutex mutex_;
  std::shared_ptr<const PolicyIndex> policy_;  // under the mutex: whose all the others are
  Digest whole_;                               // likewise
  std::array<Kept, kMostKept> kept_{};         // likewise: without a client certificate
  std::size_t next_ = 0;                       // likewise: the place of the oldest
};

}  // namespace cotter::tls
