// SPDX-License-Identifier: Apache-2.0
#include "probe/situation.h"

#include <algorithm>

namespace cotter::probe {
namespace {

// Trouble ranks chains: the higher, the more there is to say of one.
int Trouble(const SeenChain& chain) noexcept {
  if (!chain.verdict.allowed()) return 3;
  if (chain.verdict.outcome == Outcome::kReported) return 2;
  return chain.code ? 1 : 0;
}

}  // namespace

const SeenChain* Situation::Subject() const noexcept {
  if (received) return &*received;
  const auto worst = std::max_element(
      chains.begin(), chains.end(),
      [](const SeenChain& a, const SeenChain& b) { return Trouble(a) < Trouble(b); });
  return worst == chains.end() ? nullptr : &*worst;
}

bool PinnedBy(const HostRule& rule, const SeenCertificate& certificate,
              std::size_t index) noexcept {
  return std::any_of(rule.pins.begin(), rule.pins.end(), [&](const PolicyPin& one) {
    const Pin& pin = one.pin;
    if (pin.use == PinUse::kRevoked) return false;
    const bool place =
        pin.place == PinPlace::kAny || (pin.place == PinPlace::kLeaf) == (index == 0);
    return place &&
           pin.digest == (pin.kind == PinKind::kCert ? certificate.cert : certificate.spki);
  });
}

const SeenCertificate& TopOf(const SeenChain& chain) {
  COTTER_CHECK(!chain.presented.empty());
  const SeenCertificate* top = &chain.presented.front();
  // A chain that names its issuers in a circle ends with its last step.
  for (std::size_t step = 1; step < chain.presented.size() && !top->is_self_issued; ++step) {
    const auto issuer =
        std::find_if(chain.presented.begin() + 1, chain.presented.end(),
                     [top](const SeenCertificate& one) { return one.subject == top->issuer; });
    if (issuer == chain.presented.end()) break;
    top = &*issuer;
  }
  return *top;
}

}  // namespace cotter::probe
