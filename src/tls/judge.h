// SPDX-License-Identifier: Apache-2.0
//
// Verification and verdict in one step: what every door of this room does with a presented chain.
// The default path is judged first; only where that is not enough are other paths searched and all
// judged together. Thread-safe.
#pragma once

#include "tls/path_verifier.h"
#include <cotter/evaluate.h>

namespace cotter::tls {

// Judgement is a verdict and what it was held against.
struct Judgement {
  Verification verification;
  Verdict verdict;

  // code is why the connection is refused, or what is worth knowing of an allowed one; as
  // Verdict::code, but a PKI failure has its own code.
  [[nodiscard]] std::optional<Code> code() const noexcept;

  // message is for people: the pin error, the PKI failure, or empty where the connection is
  // allowed. Allocates.
  [[nodiscard]] std::string message() const;
};

// DescribeVerdict is the text of a verdict for people, without what PKI had to say: the pin error
// with the pins that were `found`, one line on the code, or empty where the connection is allowed.
[[nodiscard]] std::string DescribeVerdict(const Verdict& verdict, std::span<const Digest> found);

// JudgeConnection judges what a server presented. `presented` may be null. The verdict's rule
// borrows from `policy`.
[[nodiscard]] Judgement JudgeConnection(const PolicyIndex& policy, const Endpoint& endpoint,
                                        const TrustStore& trust, Time now, X509* leaf,
                                        STACK_OF(X509) * presented);

// InsecureJudgeUnnamed is the same where nobody said for whom the certificate should be: everything
// is verified but that.
[[nodiscard]] Judgement InsecureJudgeUnnamed(const PolicyIndex& policy, const Endpoint& endpoint,
                                             const TrustStore& trust, Time now, X509* leaf,
                                             STACK_OF(X509) * presented);

// JudgeOpen is JudgeConnection for a connection that is open, from what its server presented in the
// handshake; `ssl` is not null.
[[nodiscard]] Judgement JudgeOpen(const PolicyIndex& policy, const Endpoint& endpoint,
                                  const TrustStore& trust, Time now, const SSL* ssl);

// JudgeChain is JudgeConnection for a chain that comes as bytes.
[[nodiscard]] Judgement JudgeChain(const PolicyIndex& policy, const Endpoint& endpoint,
                                   const TrustStore& trust, Time now,
                                   const PresentedChain& presented);

}  // namespace cotter::tls
