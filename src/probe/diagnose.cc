// SPDX-License-Identifier: Apache-2.0
#include "probe/diagnose.h"

#include <algorithm>
#include <utility>

#include "probe/suspicion.h"

namespace cotter::probe {
namespace {

std::string Shown(Code code) { return std::string(NameOf(code)); }

bool HasCause(const std::vector<Cause>& causes, Code code) {
  return std::any_of(causes.begin(), causes.end(),
                     [code](const Cause& cause) { return cause.code == code; });
}

// DiagnosePolicy tells what the policy itself brings about.
void DiagnosePolicy(const Situation& situation, const SeenChain& chain,
                    std::vector<Cause>& causes) {
  if (chain.verdict.reasons.Has(Reason::kRuleExpired) && situation.expires) {
    Suspicion(Code::kPolicyExpired)
        .For(0.97, "the rule's pins expired on " + FormatDate(*situation.expires) + " and it is " +
                       FormatDate(situation.now))
        // Expired pins that match keep nobody out.
        .Against(chain.verdict.outcome == Outcome::kPinMismatch ? 0.3 : 0)
        .Tell("publish the policy with a new expiry, after checking that its pins are still right",
              causes);
  }
  const auto& match = chain.verdict.match;
  if (chain.verdict.allowed() && match && match->pin.use == PinUse::kBackup) {
    Suspicion(Code::kBackupInUse)
        .For(0.98, FormatPin(match->pin.digest) + ", which matched, is a backup pin")
        .Tell(
            "make the key active in the policy, and publish a new backup pin before the next "
            "change",
            causes);
  }
}

// What is refused for a reason that diagnosis has nothing to add to.
void DiagnoseRest(const SeenChain& chain, std::vector<Cause>& causes) {
  if (chain.verdict.allowed() || !chain.code || !causes.empty()) return;
  const std::string why = chain.message.empty() ? Shown(*chain.code) : chain.message;
  Suspicion(*chain.code).For(0.9, why).Tell("see cotter explain " + Shown(*chain.code), causes);
}

}  // namespace

std::vector<Cause> Diagnose(const Situation& situation) {
  std::vector<Cause> causes;
  DiagnoseReach(situation, causes);
  if (const SeenChain* const chain = situation.Subject()) {
    DiagnosePath(situation, *chain, causes);
    DiagnoseOthers(situation, *chain, causes);
    DiagnosePins(situation, *chain, causes);
    DiagnosePolicy(situation, *chain, causes);
    DiagnoseRest(*chain, causes);
  }
  if (causes.empty() && situation.chains.empty() && !situation.received) {
    for (const PeerError& failure : situation.failures) {
      if (HasCause(causes, failure.error.code)) continue;
      Suspicion(failure.error.code)
          .For(0.9, failure.peer + ": " + failure.error.message)
          .Tell("see cotter explain " + Shown(failure.error.code), causes);
    }
  }
  std::stable_sort(causes.begin(), causes.end(),
                   [](const Cause& a, const Cause& b) { return a.confidence > b.confidence; });
  return causes;
}

}  // namespace cotter::probe
