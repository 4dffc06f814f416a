// SPDX-License-Identifier: Apache-2.0
//
// The judgement of a program that trusts nobody: it has no trust anchor, so no path can be
// verified. What its TLS library does prove is that the server holds the leaf's key (the handshake
// is signed with it), and that is all that a pin on the leaf's key claims. A pin that needs a path
// does not match here. Used by the preload library alone. Safe from any thread.
#pragma once

#include <optional>

#include "tls/openssl_ptr.h"
#include "tls/pki_failure.h"
#include <cotter/evaluate.h>

namespace cotter::tls {

// LeafJudgement is a verdict on a leaf, and the leaf's own pin.
struct LeafJudgement {
  Verdict verdict;  // kPinnedOk where an unrevoked pin of the rule matches the leaf by itself
  Digest found;
  std::optional<PkiFailure> failure{};  // set where the pin would do, but not the dates or the name
};

// InsecureJudgeLeafAlone holds `leaf` alone against the rule of `endpoint`. Its dates, its
// names and its purpose count as everywhere; its issuer does not take part. Whatever is not a match
// is a refusal, also where the rule only reports or its pins no longer take part: PKI, which would
// decide then, has not been asked. The verdict's rule borrows from `policy`.
[[nodiscard]] LeafJudgement InsecureJudgeLeafAlone(const PolicyIndex& policy,
                                                   const Endpoint& endpoint, Time now, X509& leaf);

}  // namespace cotter::tls
