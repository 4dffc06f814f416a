// SPDX-License-Identifier: Apache-2.0
//
// Causes of a mismatch on a path that is sound: the key, an intermediate or the CA has changed, or
// the pins were never brought up to date.
#include <algorithm>
#include <string>

#include "probe/suspicion.h"
#include "probe/vouching.h"

namespace cotter::probe {
namespace {

// Facts is what is derived once of a mismatch.
struct Facts {
  const Situation& situation;
  const SeenChain& chain;
  const HostRule& rule;
  const SeenCertificate& leaf;
  const SeenCertificate* pinned_ca = nullptr;  // a CA of the path that is pinned
  bool leaf_pinned = false;
  bool leaf_pins = false;       // a pin could match the leaf's key
  bool ca_pins = false;         // a pin could match a CA
  bool cert_pins_only = false;  // every pin that could match the leaf is over a whole certificate
  double foreign = 0;           // how likely it is that somebody else answers
  Vouching vouching{};          // whose CA this is, beside pins and an earlier chain
};

Facts FactsOf(const Situation& situation, const SeenChain& chain,
              const std::vector<Cause>& causes) {
  Facts facts{
      .situation = situation, .chain = chain, .rule = *situation.rule, .leaf = chain.path.front()};
  facts.leaf_pinned = PinnedBy(facts.rule, chain.path.front(), 0);
  for (std::size_t i = 1; i < chain.path.size() && facts.pinned_ca == nullptr; ++i) {
    if (PinnedBy(facts.rule, chain.path[i], i)) facts.pinned_ca = &chain.path[i];
  }
  bool cert_pins = false;
  for (const PolicyPin& one : facts.rule.pins) {
    if (one.pin.use == PinUse::kRevoked) continue;
    const bool cert = one.pin.kind == PinKind::kCert;
    cert_pins = cert_pins || (cert && one.pin.place != PinPlace::kCa);
    facts.leaf_pins = facts.leaf_pins || (!cert && one.pin.place != PinPlace::kCa);
    facts.ca_pins = facts.ca_pins || one.pin.place == PinPlace::kCa;
  }
  facts.cert_pins_only = cert_pins && !facts.leaf_pins;
  for (const Cause& cause : causes) {
    const bool foreign =
        cause.code == Code::kInterceptingProxy || cause.code == Code::kCaptivePortal;
    if (foreign) facts.foreign = std::max(facts.foreign, cause.confidence);
  }
  facts.vouching = Vouch(situation, chain);
  return facts;
}

const SeenCertificate* EarlierLeaf(const Facts& facts) {
  const auto& earlier = facts.situation.earlier;
  return earlier.empty() ? nullptr : &earlier.front();
}

bool ShareAName(const SeenCertificate& a, const SeenCertificate& b) {
  return std::any_of(a.names.begin(), a.names.end(), [&b](const std::string& name) {
    return std::find(b.names.begin(), b.names.end(), name) != b.names.end();
  });
}

std::string Dated(const SeenCertificate& certificate) {
  return certificate.not_before ? " of " + FormatDate(*certificate.not_before) : std::string();
}

bool InPath(const SeenChain& chain, const Digest& spki) {
  return std::any_of(chain.path.begin(), chain.path.end(),
                     [&spki](const SeenCertificate& one) { return one.spki == spki; });
}

// PinnedElsewhere is a pinned CA that diagnosis knows, and that is not in the path; null if none.
const KnownPin* PinnedElsewhere(const Facts& facts, bool root) {
  for (const KnownPin& known : facts.situation.known_pins) {
    if (known.is_root == root && !InPath(facts.chain, known.spki)) return &known;
  }
  return nullptr;
}

// AgeOfPins adds what the rule's dates say: how long before the certificate the pins were written.
void AgeOfPins(const Facts& facts, double weight, Suspicion& suspicion) {
  if (!facts.rule.updated || !facts.leaf.not_before) return;
  if (*facts.rule.updated >= *facts.leaf.not_before) return;
  suspicion.For(weight, "the rule was last updated on " + FormatDate(*facts.rule.updated) +
                            ", before the certificate" + Dated(facts.leaf));
}

std::string Sound(const Facts& facts) {
  return "the path verifies for " + std::string(facts.situation.endpoint.host.text());
}

// NobodyVouches reports that nothing ties the certificate's CA to the server's owner: neither a
// pin, nor an earlier chain, nor what else is known of the owner's certificates.
bool NobodyVouches(const Facts& facts) {
  return facts.pinned_ca == nullptr && EarlierLeaf(facts) == nullptr &&
         facts.vouching.tie == Tie::kNone && facts.situation.known_pins.empty();
}

// Warn says what the reader has to rule out before a pin is added.
void Warn(const Facts& facts, Suspicion& suspicion) {
  const SeenName& issuer = facts.leaf.issuer;
  const bool is_public = facts.chain.anchor == AnchorKind::kPublic;
  if (is_public && !facts.leaf.has_scts) {
    suspicion
        .Note(
            "the certificate has no proof in it of being in a public log (SCT), as those of "
            "public CAs do: be wary of it")
        .Against(0.2);
  }
  if (!NobodyVouches(facts)) return;
  suspicion
      .Note("nothing known here ties \"" + issuer.text +
            "\" to the server's owner: a certificate that somebody else was given by a CA that is "
            "trusted here would look the same; --was FILE, with a chain from when all was well, "
            "would tell")
      .Against(0.1);
}

// AskFirst is the fix of a cause that may be a certificate of somebody else's, ending with `then`.
std::string AskFirst(const Facts& facts, const std::string& question, const std::string& then) {
  std::string fix = "ask the server's owner, by another way than this server, " + question +
                    "; if so, " + then +
                    "; if not, leave it refused: somebody else holds a "
                    "certificate for " +
                    std::string(facts.situation.endpoint.host.text());
  const std::string& ca = facts.leaf.issuer.organization;
  fix += ", which " + (ca.empty() ? "its CA" : ca) + " has to revoke";
  return fix;
}

void DiagnoseKey(const Facts& facts, std::vector<Cause>& causes) {
  if (facts.leaf_pinned || !facts.leaf_pins) return;
  Suspicion rotated(Code::kKeyRotated);
  rotated.For(0.55, Sound(facts) + ", and its leaf" + Dated(facts.leaf) + " has the key " +
                        FormatPin(facts.leaf.spki) + ", which the rule does not pin");
  if (facts.pinned_ca != nullptr) {
    rotated.For(0.85, "the CA is still a pinned one, \"" + facts.pinned_ca->subject.text + "\"");
  }
  if (const SeenCertificate* const earlier = EarlierLeaf(facts)) {
    if (earlier->spki == facts.leaf.spki) rotated.Against(0.95);
    if (earlier->issuer == facts.leaf.issuer && ShareAName(*earlier, facts.leaf)) {
      rotated.For(0.9, "names and issuer are those of the earlier certificate" + Dated(*earlier) +
                           ", the key is another");
    } else {
      rotated.Against(0.5);
    }
  }
  AgeOfPins(facts, 0.35, rotated);
  if (facts.rule.updated && facts.leaf.not_before && *facts.leaf.not_before < *facts.rule.updated) {
    rotated
        .Note("the rule was last updated on " + FormatDate(*facts.rule.updated) +
              ", when the certificate was there already")
        .Against(0.2);
  }
  if (facts.vouching.tie == Tie::kSame && facts.pinned_ca == nullptr) {
    rotated.For(facts.vouching.weight, facts.vouching.evidence);
    // A key that was changed shows in the newest certificate.
    if (facts.vouching.newer) rotated.Against(0.5);
  } else if (facts.vouching.tie == Tie::kOther && facts.pinned_ca == nullptr) {
    rotated.Note(facts.vouching.evidence).Against(0.5);
  }
  const KnownPin* const root = PinnedElsewhere(facts, true);
  if (root != nullptr && facts.pinned_ca == nullptr) rotated.Against(0.3);
  rotated.Against(0.9 * facts.foreign);
  Warn(facts, rotated);
  rotated.Tell(AskFirst(facts, "whether the key was changed",
                        "add the new pin from the certificate that they send (cotter policy add "
                        "HOST --from-cert), keep the old one as retiring, and publish"),
               causes);
}

void DiagnoseStale(const Facts& facts, std::vector<Cause>& causes) {
  if (facts.leaf_pinned || facts.pinned_ca != nullptr) return;
  Suspicion stale(Code::kStalePin);
  stale.For(0.45, Sound(facts) + ", and no pin of the rule is on it");
  const SeenCertificate* const earlier = EarlierLeaf(facts);
  if (facts.cert_pins_only) {
    stale.For(0.7, "the pins are over whole certificates, which every renewal replaces");
    if (earlier != nullptr && earlier->spki == facts.leaf.spki) {
      stale.For(0.9, "the certificate was renewed with the same key");
    }
  }
  AgeOfPins(facts, 0.35, stale);
  const auto& leaf = facts.leaf;
  if (facts.rule.updated && leaf.not_before && leaf.not_after) {
    const std::int64_t lifetime = leaf.not_after->unix_seconds - leaf.not_before->unix_seconds;
    const std::int64_t age = facts.situation.now.unix_seconds - facts.rule.updated->unix_seconds;
    if (age > 2 * lifetime) {
      stale.For(0.45, "more than one renewal has passed since the rule was last updated");
    }
  }
  if (facts.rule.review && *facts.rule.review < facts.situation.now) {
    stale.For(0.2, "the rule's review was due on " + FormatDate(*facts.rule.review));
  }
  stale.Against(0.9 * facts.foreign);
  Warn(facts, stale);
  stale.Tell(
      "compare the pins with the certificate that the server's owner says is theirs, and publish "
      "the policy with the right ones; pin keys rather than certificates",
      causes);
}

void DiagnoseRoot(const Facts& facts, std::vector<Cause>& causes) {
  if (facts.pinned_ca != nullptr) return;
  const KnownPin* const root = PinnedElsewhere(facts, true);
  if (root == nullptr) return;
  const SeenName& end = facts.chain.path.back().subject;
  Suspicion missing(Code::kPinnedRootNotInPath);
  missing.For(0.4, "the pinned root \"" + root->subject.text +
                       "\" is not on the path, which ends at \"" + end.text + "\"");
  for (const SeenCertificate& one : facts.chain.presented) {
    const bool carries = one.spki == root->spki;
    const bool signed_by_it = !one.is_self_issued && one.issuer == root->subject;
    if (!carries && !signed_by_it) continue;
    missing.For(0.9, "the server sends \"" + one.subject.text + "\", " +
                         (carries ? "which has its key" : "which it has signed") +
                         ", but the path that verifies does not go there");
    break;
  }
  if (!end.organization.empty() && SameOwner(end, root->subject) && !(end == root->subject)) {
    missing.For(0.6, "both roots are " + end.organization + "'s");
  }
  missing.Against(0.9 * facts.foreign);
  missing.Tell(
      "pin the root or the intermediate on which clients' paths do end, or trust the pinned root "
      "on "
      "this machine; cotter pins HOST shows the path",
      causes);
}

// SuspectChain compares with the earlier chain: another root is another CA, the same one with
// another intermediate is an intermediate that changed.
void SuspectChain(const Facts& facts, Suspicion& ca, Suspicion& intermediate) {
  const auto& earlier = facts.situation.earlier;
  const SeenCertificate* const leaf = EarlierLeaf(facts);
  if (leaf == nullptr) return;
  const SeenCertificate& end = facts.chain.path.back();
  const SeenCertificate& top = earlier.back();
  const bool same_root = top.spki == end.spki || top.issuer == end.subject;
  if (leaf->issuer == facts.leaf.issuer) {
    ca.Against(0.9);
    const bool other_key = earlier.size() > 1 && facts.chain.path.size() > 1 &&
                           earlier[1].subject == facts.chain.path[1].subject &&
                           earlier[1].spki != facts.chain.path[1].spki;
    if (other_key) {
      intermediate.For(0.9, "\"" + earlier[1].subject.text + "\" has another key than before");
    } else {
      intermediate.Against(0.9);
    }
    return;
  }
  const std::string change =
      "the issuer was \"" + leaf->issuer.text + "\" and is \"" + facts.leaf.issuer.text + "\" now";
  if (same_root) {
    intermediate.For(0.93, change + ", below the same root");
    ca.Against(0.8);
  } else {
    ca.For(0.9, change + ", and the root is another");
    intermediate.Against(0.8);
  }
}

void DiagnoseCa(const Facts& facts, std::vector<Cause>& causes) {
  if (facts.pinned_ca != nullptr) return;
  Suspicion ca(Code::kCaChanged);
  Suspicion intermediate(Code::kIntermediateChanged);
  SuspectChain(facts, ca, intermediate);
  const SeenName& end = facts.chain.path.back().subject;
  if (const KnownPin* const root = PinnedElsewhere(facts, true)) {
    ca.For(SameOwner(end, root->subject) ? 0.3 : 0.75, "the pinned CA is \"" + root->subject.text +
                                                           "\", and the path ends at \"" +
                                                           end.text + "\"");
  }
  if (const KnownPin* const known = PinnedElsewhere(facts, false)) {
    intermediate.For(
        0.8, "the pinned intermediate \"" + known->subject.text + "\" is not on the path any more");
  }
  if (facts.ca_pins && facts.situation.known_pins.empty()) {
    const std::string why = "no CA of the path, up to \"" + end.text + "\", is pinned";
    // Roots are known to root stores; a pinned CA that is in none is an intermediate.
    intermediate.For(facts.leaf_pinned ? 0.75 : 0.5, why);
    ca.For(0.4, why);
  }
  if (facts.vouching.tie == Tie::kOther && !facts.leaf_pinned) {
    ca.For(facts.vouching.weight, facts.vouching.evidence);
  }
  if (facts.leaf_pinned && facts.ca_pins) {
    ca.For(0.4, "the leaf's key is a pinned one, so this is the right server");
    intermediate.For(0.4, "the leaf's key is a pinned one, so this is the right server");
  }
  ca.Against(0.9 * facts.foreign);
  intermediate.Against(0.9 * facts.foreign);
  ca.Tell(AskFirst(facts, "whether they moved to another CA",
                   "pin it beside the old one, and publish before the next server moves"),
          causes);
  intermediate.Tell(
      "pin the intermediate that is in use now beside the old one; CAs change them without "
      "notice, so a root or the leaf's key holds longer",
      causes);
}

}  // namespace

void DiagnosePins(const Situation& situation, const SeenChain& chain, std::vector<Cause>& causes) {
  const bool mismatch =
      chain.verdict.outcome == Outcome::kPinMismatch || chain.verdict.outcome == Outcome::kReported;
  if (!mismatch || chain.path.empty() || situation.rule == nullptr) return;
  const Facts facts = FactsOf(situation, chain, causes);
  DiagnoseKey(facts, causes);
  DiagnoseStale(facts, causes);
  DiagnoseRoot(facts, causes);
  DiagnoseCa(facts, causes);
}

}  // namespace cotter::probe
