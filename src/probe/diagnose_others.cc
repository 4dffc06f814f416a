// SPDX-License-Identifier: Apache-2.0
//
// Causes that are somebody else's: an interceptor, a CDN whose edges disagree, an origin that
// answers where its CDN should, a client that sends no server name or resumes an old session.
#include <algorithm>
#include <string>

#include "probe/known_issuers.h"
#include "probe/suspicion.h"
#include "probe/vouching.h"

namespace cotter::probe {
namespace {

bool Refused(const SeenChain& chain) noexcept {
  return !chain.verdict.allowed() || chain.verdict.outcome == Outcome::kReported;
}

// Disjoint reports that no address served both chains: a server with an RSA and an ECDSA
// certificate shows both at one.
bool Disjoint(const SeenChain& a, const SeenChain& b) {
  return std::none_of(a.peers.begin(), a.peers.end(), [&b](const std::string& peer) {
    return std::find(b.peers.begin(), b.peers.end(), peer) != b.peers.end();
  });
}

// AllowedElsewhere is a chain that another address shows, and that the policy allows; null where
// there is none.
const SeenChain* AllowedElsewhere(const Situation& situation, const SeenChain& chain) {
  const auto other = std::find_if(situation.chains.begin(), situation.chains.end(),
                                  [&chain](const SeenChain& one) {
                                    return &one != &chain && !Refused(one) && Disjoint(one, chain);
                                  });
  return other == situation.chains.end() ? nullptr : &*other;
}

// IssuerOf is the first issuer in the chain that the data knows.
std::optional<KnownIssuer> KnownIssuerOf(const SeenChain& chain) {
  for (const SeenCertificate& one : chain.presented) {
    if (const auto known = FindKnownIssuer(one.issuer)) return known;
  }
  return std::nullopt;
}

// AppendedGenuine is a pinned certificate that was sent without having anything to do with the
// path: an interceptor's decoration, for clients that look at what is presented. Null if none.
const SeenCertificate* AppendedGenuine(const Situation& situation, const SeenChain& chain) {
  if (situation.rule == nullptr) return nullptr;
  for (std::size_t i = 1; i < chain.presented.size(); ++i) {
    const SeenCertificate& one = chain.presented[i];
    const bool in_path =
        std::any_of(chain.path.begin(), chain.path.end(),
                    [&one](const SeenCertificate& used) { return used.cert == one.cert; });
    const bool issued_something =
        std::any_of(chain.presented.begin(), chain.presented.begin() + static_cast<long>(i),
                    [&one](const SeenCertificate& below) { return below.issuer == one.subject; });
    const bool pinned = PinnedBy(*situation.rule, one, i) || PinnedBy(*situation.rule, one, 0);
    if (pinned && !in_path && !issued_something) return &one;
  }
  return nullptr;
}

void DiagnoseInterceptor(const Situation& situation, const SeenChain& chain,
                         std::vector<Cause>& causes) {
  if (!Refused(chain) || chain.leaf() == nullptr) return;
  Suspicion proxy(Code::kInterceptingProxy);
  const SeenCertificate& top = TopOf(chain);
  const bool public_path = chain.anchor == AnchorKind::kPublic;
  const bool fits = IsFor(*chain.leaf(), situation.endpoint.host);
  const auto known = KnownIssuerOf(chain);
  const bool product = known && known->kind == IssuerKind::kInspection;
  if (product && !public_path) {
    proxy.For(0.95, "the issuer \"" + chain.leaf()->issuer.text + "\" is that of " +
                        std::string(known->name) + ", which inspects TLS");
  }
  if (chain.anchor == AnchorKind::kLocal) {
    proxy.For(0.8, "the path ends at \"" + chain.path.back().subject.text +
                       "\", a root that was added to this machine and that no vendor ships");
  }
  if (const SeenCertificate* const genuine = AppendedGenuine(situation, chain)) {
    proxy.For(0.9, "the pinned certificate \"" + genuine->subject.text +
                       "\" was appended to a chain that it has no part in");
  }
  if (!situation.same_issuer.empty() && !public_path) {
    proxy.For(0.9, "the issuer \"" + chain.leaf()->issuer.text + "\" also speaks for " +
                       situation.same_issuer.front() + ", which has nothing to do with this host");
  }
  const bool untrusted = chain.code == Code::kIssuerUnknown || chain.code == Code::kSelfSigned;
  if (untrusted && fits && top.is_self_issued) {
    proxy.For(0.6, "the chain ends at \"" + top.subject.text +
                       "\", which is in no root store of this machine");
  } else if (untrusted && fits && chain.leaf()->issuer_urls.empty()) {
    proxy.For(0.45, "nothing leads from the issuer \"" + top.issuer.text +
                        "\" to a root that this machine trusts");
  }
  if (proxy.has_evidence() && !public_path && fits && !chain.leaf()->has_scts &&
      situation.rule != nullptr && !PinnedBy(*situation.rule, *chain.leaf(), 0)) {
    proxy.For(
        0.15,
        "the certificate carries no proof of being in a public log, and its key is not pinned");
  }
  if (situation.rule != nullptr && PinnedBy(*situation.rule, *chain.leaf(), 0)) proxy.Against(0.95);
  // Who stands in the way of one address stands in the way of all, unless each is a vantage point.
  if (!product && AllowedElsewhere(situation, chain) != nullptr) proxy.Against(0.5);
  if (known && known->kind == IssuerKind::kOrigin) proxy.Against(0.8);
  proxy.Tell(
      "do not add its pin: take the client off the network that inspects TLS, or have the host "
      "exempted from inspection there",
      causes);
}

void DiagnoseAddresses(const Situation& situation, const SeenChain& chain,
                       std::vector<Cause>& causes) {
  Suspicion difference(Code::kCdnDifference);
  Suspicion origin(Code::kOriginExposed);
  const auto known = KnownIssuerOf(chain);
  const bool product = known && known->kind == IssuerKind::kInspection;
  if (Refused(chain) && known && known->kind == IssuerKind::kOrigin) {
    origin.For(0.93, "the issuer is " + std::string(known->name) +
                         ", whose certificates are for the leg behind the CDN alone");
  }
  const SeenChain* const other =
      Refused(chain) && chain.leaf() != nullptr ? AllowedElsewhere(situation, chain) : nullptr;
  if (other != nullptr && !chain.peers.empty() && !other->peers.empty() &&
      other->leaf()->spki != chain.leaf()->spki) {
    const bool public_like = !chain.path.empty() && (chain.anchor == other->anchor);
    difference.For(0.9, chain.peers.front() + " presents " + FormatPin(chain.leaf()->spki) +
                            ", while " + other->peers.front() + " presents " +
                            FormatPin(other->leaf()->spki) + ", which the policy allows");
    if (!public_like && !product && IsFor(*chain.leaf(), situation.endpoint.host)) {
      origin.For(0.8, chain.peers.front() + " answers with a certificate of \"" +
                          chain.leaf()->issuer.text + "\", as an origin behind the edge would");
      difference.Against(0.25);
    }
    if (product) difference.Against(0.3);
    if (!SameOwner(chain.leaf()->issuer, other->leaf()->issuer)) {
      difference.Note("its CA is another one, \"" + chain.leaf()->issuer.text +
                      "\": make sure that the address is the owner's before its key is pinned");
    }
  }
  difference.Tell(
      "bring the address that differs up to date, or pin the keys of every edge: clients meet "
      "any of them",
      causes);
  origin.Tell(
      "keep clients away from the origin: close it to all but the CDN, and mend the address record "
      "that names it",
      causes);
}

void DiagnoseName(const Situation& situation, const SeenChain& chain, std::vector<Cause>& causes) {
  Suspicion missing(Code::kSniMissing);
  const SeenCertificate* const leaf = chain.leaf();
  if (leaf == nullptr || !Refused(chain)) return;
  const auto shows = [leaf](const SeenChain& one) {
    return one.leaf() != nullptr && one.leaf()->cert == leaf->cert;
  };
  const bool without =
      std::any_of(situation.without_name.begin(), situation.without_name.end(), shows);
  const bool with = std::any_of(situation.chains.begin(), situation.chains.end(),
                                [&](const SeenChain& one) { return &one != &chain && shows(one); });
  if (situation.received && without && !with) {
    missing.For(0.97,
                "the server presents this certificate to clients that send no server name, "
                "and another to those that do");
  }
  if (leaf->subject.unit.starts_with("No SNI provided")) {
    missing.For(0.97, "the certificate itself says \"" + leaf->subject.unit + "\"");
  }
  missing.Tell("have the client send the host as server name (SNI, RFC 6066, 3) in its ClientHello",
               causes);
}

void DiagnoseResumption(const Situation& situation, const SeenChain& chain,
                        std::vector<Cause>& causes) {
  Suspicion resumed(Code::kResumedSession);
  if (situation.resumption == Resumption::kResumed) {
    resumed.For(0.95,
                "the client resumed a session, for which TLS libraries call no verifier: what "
                "decided was the policy of an earlier connection");
  }
  const SeenCertificate* const leaf = chain.leaf();
  if (situation.received && leaf != nullptr && Refused(chain)) {
    const bool live_is_fine =
        !situation.chains.empty() &&
        std::none_of(situation.chains.begin(), situation.chains.end(), Refused);
    const bool older =
        std::all_of(situation.chains.begin(), situation.chains.end(), [leaf](const SeenChain& one) {
          const SeenCertificate* const live = one.leaf();
          return live != nullptr && live->not_before && leaf->not_before &&
                 live->subject == leaf->subject && *leaf->not_before < *live->not_before;
        });
    if (live_is_fine && older) {
      resumed.For(0.75,
                  "the certificate is older than the one that every address serves now, as in "
                  "a session from before the change");
    }
  }
  resumed.Tell(
      "drop stored sessions when the policy changes, and bind them to it; restart the client to be "
      "rid of those that it holds",
      causes);
}

}  // namespace

void DiagnoseOthers(const Situation& situation, const SeenChain& chain,
                    std::vector<Cause>& causes) {
  DiagnoseInterceptor(situation, chain, causes);
  DiagnoseAddresses(situation, chain, causes);
  DiagnoseName(situation, chain, causes);
  DiagnoseResumption(situation, chain, causes);
}

}  // namespace cotter::probe
