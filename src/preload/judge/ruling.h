// SPDX-License-Identifier: Apache-2.0
//
// The verdict on one connection of a program: every candidate is judged, the worst decides, and
// each is told of. Safe from any thread.
#pragma once

#include "preload/interface.h"
#include "preload/judge/candidates.h"
#include "tls/openssl_ptr.h"
#include "tls/trust_store.h"
#include <cotter/evaluate.h>

namespace cotter::preload {

// Evidence is what a server presented, and what the program would believe. Borrowed.
struct Evidence {
  X509* leaf;
  STACK_OF(X509) * presented;      // may be null
  const tls::TrustStore* anchors;  // the program's own; null where it has none
};

// What becomes of a connection.
enum class Answer : std::uint8_t {
  kUnruled,  // a rule that is off, or nothing is refused: what the program itself decides stands
  kAllowed,
  kRefused,
};

// Whether a refusal is final. One that is not is not told: it is asked again with more anchors.
enum class Finality : std::uint8_t { kFinal, kMoreAnchors };

// Ruling is the answer for a connection.
struct Ruling {
  Answer answer = Answer::kRefused;
  Outcome outcome = Outcome::kPkiError;                  // of the candidate that decided
  int x509_error = X509_V_ERR_APPLICATION_VERIFICATION;  // what OpenSSL is told of a refusal

  // Set where the connection is allowed by OpenSSL's own path, strictly verified for every
  // candidate: what the program's own verification would find as well.
  tls::X509StackPtr default_path = nullptr;
};

// Rule judges. With the setting report_only nothing is refused at last.
[[nodiscard]] Ruling Rule(const Candidates& candidates, const Evidence& evidence,
                          Finality finality);

// NeedsCertificate reports that a handshake which shows no certificate has no verdict.
[[nodiscard]] bool NeedsCertificate(const Candidates& candidates);

// RuleUnseen is the answer for a handshake that showed no certificate: only hosts whose rule is off
// may go on.
[[nodiscard]] Answer RuleUnseen(const Candidates& candidates, std::string_view why);

// TellResumed tells of a session that was judged when it began, where everything is audited.
void TellResumed(const Candidates& candidates, Outcome outcome);

}  // namespace cotter::preload
