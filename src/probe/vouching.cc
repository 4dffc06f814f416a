// SPDX-License-Identifier: Apache-2.0
#include "probe/vouching.h"

#include <algorithm>

namespace cotter::probe {
namespace {

bool Vouches(const SeenChain& chain) noexcept {
  return chain.verdict.outcome == Outcome::kPinnedOk && !chain.path.empty();
}

// AllowedOne is another chain of this server's that the rule's pins allow; null where there is
// none.
const SeenChain* AllowedOne(const Situation& situation, const SeenChain& chain) {
  for (const std::vector<SeenChain>* some : {&situation.chains, &situation.without_name}) {
    const auto at = std::find_if(some->begin(), some->end(), [&chain](const SeenChain& one) {
      return &one != &chain && Vouches(one);
    });
    if (at != some->end()) return &*at;
  }
  return nullptr;
}

bool InPath(const SeenChain& chain, const Digest& spki) {
  return std::any_of(chain.path.begin() + 1, chain.path.end(),
                     [&spki](const SeenCertificate& one) { return one.spki == spki; });
}

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

}  // namespace

bool SameOwner(const SeenName& a, const SeenName& b) {
  if (a.organization.empty() || b.organization.empty()) return a == b;
  return a.organization == b.organization;
}

Vouching Vouch(const Situation& situation, const SeenChain& chain) {
  COTTER_CHECK(!chain.path.empty());
  const SeenName& issuer = chain.path.front().issuer;
  if (const SeenChain* const other = AllowedOne(situation, chain)) {
    const SeenName& theirs = other->path.front().issuer;
    const std::string where = other->peers.empty() ? "the server" : other->peers.front();
    if (SameOwner(theirs, issuer)) {
      const auto& ours = chain.path.front().not_before;
      const auto& begin = other->path.front().not_before;
      return {Tie::kSame, 0.6,
              "what " + where + " presents, and the policy allows, is from the same CA",
              ours && begin && *ours < *begin};
    }
    return {Tie::kOther, 0.6,
            "what " + where + " presents, and the policy allows, is from " + Quoted(theirs.text) +
                ", and this is from " + Quoted(issuer.text),
            false};
  }
  if (situation.site_cas.empty()) return {};
  for (const SiteCa& one : situation.site_cas) {
    if (!InPath(chain, one.spki)) continue;
    return {Tie::kSame, 0.6, "the CA is one that the policy pins for " + one.host, false};
  }
  const SiteCa& first = situation.site_cas.front();
  return {Tie::kOther, 0.55,
          "the policy pins " + (first.name.empty() ? FormatPin(first.spki) : Quoted(first.name)) +
              " for " + first.host + ", and this is from " + Quoted(issuer.text),
          false};
}

}  // namespace cotter::probe
