// SPDX-License-Identifier: Apache-2.0
//
// Causes in the chain itself, whatever is pinned: it has expired, is incomplete, is for another
// host, or this machine's clock is wrong.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "probe/known_issuers.h"
#include "probe/suspicion.h"

namespace cotter::probe {
namespace {

constexpr std::int64_t kDay = 86'400;

// A clock that is off by less does no harm to certificates, and is common.
constexpr std::int64_t kTolerance = 600;

std::string Days(std::int64_t seconds) {
  const std::int64_t days = std::abs(seconds) / kDay;
  if (days > 0) return std::to_string(days) + (days == 1 ? " day" : " days");
  return std::to_string(std::abs(seconds) / 60) + " minutes";
}

// Valid reports whether every presented certificate is valid at `time`.
bool Valid(const SeenChain& chain, Time time) {
  return std::all_of(
      chain.presented.begin(), chain.presented.end(), [time](const SeenCertificate& one) {
        return one.not_before && one.not_after && *one.not_before <= time && time <= *one.not_after;
      });
}

// SuspectClock looks for signs that this machine's time is wrong.
Suspicion SuspectClock(const Situation& situation, const SeenChain& chain) {
  Suspicion skew(Code::kClockSkew);
  const std::int64_t now = situation.now.unix_seconds;
  if (situation.server_time) {
    const std::int64_t off = now - situation.server_time->unix_seconds;
    if (std::abs(off) > kTolerance && Valid(chain, *situation.server_time)) {
      skew.For(0.95, "this machine's clock is " + Days(off) + (off > 0 ? " ahead of" : " behind") +
                         " the server's, by which the chain is valid");
    } else if (std::abs(off) <= kTolerance) {
      skew.Against(0.9);
    }
  }
  const SeenCertificate* const leaf = chain.leaf();
  if (leaf != nullptr && leaf->not_before && *leaf->not_before > situation.now) {
    skew.For(0.8, "the certificate is valid from " + FormatTime(*leaf->not_before) +
                      ", and it is " + FormatTime(situation.now) +
                      ": servers rarely serve one before its time");
  }
  const auto* const rule = situation.rule;
  if (rule != nullptr && rule->updated && *rule->updated > situation.now) {
    skew.For(0.8, "the rule was updated on " + FormatDate(*rule->updated) +
                      ", which this clock has still before it");
  }
  return skew;
}

void DiagnoseDates(const Situation& situation, const SeenChain& chain, std::vector<Cause>& causes) {
  if (chain.code != Code::kCertExpired && chain.code != Code::kCertNotYetValid) return;
  Suspicion skew = SuspectClock(situation, chain);
  const bool skewed = skew.has_evidence();
  skew.Tell(
      "set this machine's clock and start time synchronisation (chrony, "
      "systemd-timesyncd)",
      causes);
  if (chain.code != Code::kCertExpired) return;
  Suspicion expired(Code::kCertExpired);
  for (const SeenCertificate& one : chain.presented) {
    if (!one.not_after || *one.not_after >= situation.now) continue;
    expired.For(0.9, "\"" + one.subject.text + "\" ended on " + FormatDate(*one.not_after) + ", " +
                         Days(situation.now.unix_seconds - one.not_after->unix_seconds) + " ago");
  }
  if (!expired.has_evidence()) expired.For(0.8, chain.message);
  if (skewed) expired.Against(0.6);
  expired.Tell(
      "renew the certificate, with the same key where pins should go on matching, and find out why "
      "the renewal did not run",
      causes);
}

void DiagnoseHost(const Situation& situation, const SeenChain& chain, std::vector<Cause>& causes) {
  const SeenCertificate* const leaf = chain.leaf();
  if (leaf == nullptr || chain.verdict.allowed() || IsFor(*leaf, situation.endpoint.host)) return;
  std::string names;
  for (const std::string& name : leaf->names) names += (names.empty() ? "" : ", ") + name;
  Suspicion wrong(Code::kWrongHost);
  wrong.For(0.9, "the certificate is for " + (names.empty() ? "no host at all" : names) +
                     ", not for " + std::string(situation.endpoint.host.text()));
  wrong.Tell(
      "ask for the name that the certificate is for, or have the server present one for this name",
      causes);
}

// SuspectMissing looks for signs that `last`'s issuer is a real CA whose certificate was left out.
void SuspectMissing(const Situation& situation, const SeenChain& chain, const SeenCertificate& last,
                    Suspicion& missing) {
  const std::string who = "\"" + last.issuer.text + "\"";
  if (situation.fetched_issuer) {
    missing.For(0.95, "with " + who +
                          ", fetched from where the certificate says that it is, the "
                          "chain verifies");
  }
  if (situation.rule != nullptr) {
    for (std::size_t i = 0; i < chain.presented.size(); ++i) {
      if (!PinnedBy(*situation.rule, chain.presented[i], i)) continue;
      missing.For(0.9,
                  "the server has the pinned key of \"" + chain.presented[i].subject.text + "\"");
      break;
    }
  }
  for (const SeenChain& other : situation.chains) {
    const bool same = &other != &chain && !other.path.empty() && other.leaf() != nullptr &&
                      other.leaf()->spki == chain.leaf()->spki;
    if (same && !other.peers.empty()) {
      missing.For(0.95, other.peers.front() + " sends the same certificate with its intermediates");
      break;
    }
  }
  for (const SeenCertificate& one : situation.earlier) {
    if (one.subject == last.issuer) {
      missing.For(0.9, who + " was part of the earlier chain");
      break;
    }
  }
  for (const KnownPin& known : situation.known_pins) {
    const bool same_owner =
        !last.issuer.organization.empty() && known.subject.organization == last.issuer.organization;
    if (known.subject == last.issuer || same_owner) {
      missing.For(0.75, who + " belongs to the pinned CA \"" + known.subject.text + "\"");
      break;
    }
  }
  if (!last.issuer_urls.empty()) {
    missing.For(0.5,
                "the certificate says where its issuer's can be had: " + last.issuer_urls.front());
  }
}

void DiagnoseIncomplete(const Situation& situation, const SeenChain& chain,
                        std::vector<Cause>& causes) {
  const bool no_path = chain.code == Code::kIssuerUnknown && chain.leaf() != nullptr;
  if (!no_path) return;
  const SeenCertificate& last = TopOf(chain);
  if (last.is_self_issued) return;
  Suspicion missing(Code::kChainIncomplete);
  missing.For(0.35, "the server sends no certificate of \"" + last.issuer.text +
                        "\", which issued \"" + last.subject.text + "\"");
  SuspectMissing(situation, chain, last, missing);
  if (FindKnownIssuer(last.issuer)) missing.Against(0.9);
  missing.Tell(
      "have the server send its intermediate certificates (nginx: ssl_certificate with the full "
      "chain)",
      causes);
}

}  // namespace

void DiagnosePath(const Situation& situation, const SeenChain& chain, std::vector<Cause>& causes) {
  DiagnoseDates(situation, chain, causes);
  DiagnoseHost(situation, chain, causes);
  DiagnoseIncomplete(situation, chain, causes);
}

}  // namespace cotter::probe
