// SPDX-License-Identifier: Apache-2.0
//
// The trust store on OpenSSL's X509_STORE. Issuers are found through the store's own look-up, so
// hash directories are read as they are needed and never as a whole. Immutable after Load; const
// members may be called from any thread (the X509_STORE and what was lately seen lock themselves).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tls/certificate_notes.h"
#include "tls/openssl_ptr.h"
#include <cotter/bytes.h>
#include <cotter/path.h>
#include <cotter/pin.h>
#include <cotter/trust.h>

namespace cotter::tls {

class TrustStore {
  struct Passkey {};  // keeps the constructor to Load, and open to make_shared

 public:
  explicit TrustStore(Passkey /*key*/) {}

  // Load is LoadTrustStore.
  [[nodiscard]] static Result<std::shared_ptr<const TrustStore>> Load(const TrustOptions& options);

  // Share makes a trust store of one that the program filled, and shares it: what it trusts is
  // trusted. It has no ContentDigest (all zero). `store` must not be null.
  [[nodiscard]] static std::shared_ptr<const TrustStore> Share(X509_STORE* store);

  // store is OpenSSL's object, borrowed. It is not const because OpenSSL caches look-ups in it.
  [[nodiscard]] X509_STORE* store() const noexcept { return store_.get(); }

  // ContentDigest binds sessions to what is trusted. It covers every certificate that was read from
  // a file, with its trust settings, and of each hash directory the path and the time of its last
  // change: adding or removing an entry changes the digest, rewriting one in place does not.
  [[nodiscard]] const Digest& ContentDigest() const noexcept { return content_digest_; }

  // FindByKey is the DER of a trusted certificate whose SPKI has the digest `spki`, among those
  // that came from files; what stands in hash directories is found by its name alone. nullopt where
  // there is none. Allocates; a walk over all of them.
  [[nodiscard]] std::optional<Bytes> FindByKey(const Digest& spki) const;

  // OriginOf tells whether `anchor` is one of the roots that the distribution ships. The first call
  // reads those (about 140 files), so it is made only where a rule refuses local anchors.
  [[nodiscard]] AnchorOrigin OriginOf(const X509& anchor) const;

  // lately_seen is for the certificates of paths that were verified by this store.
  [[nodiscard]] LatelySeen& lately_seen() const noexcept { return lately_seen_; }

 private:
  X509StorePtr store_;
  Digest content_digest_;
  std::string public_roots_;
  mutable std::once_flag public_digests_once_;
  mutable std::vector<Digest> public_digests_;  // sorted; written once, under the flag
  mutable LatelySeen lately_seen_;
};

}  // namespace cotter::tls
