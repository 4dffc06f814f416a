// SPDX-License-Identifier: Apache-2.0
#include "probe/gather.h"

#include <algorithm>
#include <string>
#include <utility>

#include "formats/key_material.h"
#include "policy/known_names.h"
#include "probe/judge_seen.h"
#include "probe/parallel.h"
#include "probe/small_http.h"
#include <cotter/certificate.h>

namespace cotter::probe {
namespace {

constexpr std::uint16_t kHttpsPort = 443;
constexpr std::uint16_t kHttpPort = 80;

// Judge judges a chain as the doors do, and keeps what diagnosis wants of it.
SeenChain Judge(const Endpoint& endpoint, const PresentedChain& presented,
                const GatherOptions& options) {
  return JudgeSeen(endpoint, presented,
                   {.policy = options.index,
                    .trust = *options.look.trust,
                    .declared = options.declared.get(),
                    .now = options.look.now})
      .seen;
}

std::vector<SeenChain> JudgeLook(const Endpoint& endpoint, const Look& look,
                                 const GatherOptions& options) {
  std::vector<SeenChain> seen;
  for (const ServedChain& chain : look.chains) {
    seen.push_back(Judge(endpoint, chain.presented, options));
    for (const Sighting& sighting : chain.sightings) seen.back().peers.push_back(sighting.peer);
  }
  return seen;
}

void LookLive(const net::Target& target, const GatherOptions& options, Situation& situation) {
  const bool by_name = !target.host.is_ip();
  LookOptions nameless = options.look;
  nameless.sni = "";
  std::optional<Result<Look>> named;
  std::optional<Result<Look>> unnamed;
  // Both at once, so that a slow server costs no more than itself.
  ForEachIndex(by_name ? 2 : 1, 2, [&](std::size_t i) {
    if (i == 0) {
      named.emplace(LookAt(target, options.look));
    } else {
      unnamed.emplace(LookAt(target, nameless));
    }
  });
  if (!*named) {
    situation.failures.push_back({net::FormatTarget(target), named->error()});
    return;
  }
  situation.chains = JudgeLook(situation.endpoint, **named, options);
  situation.failures = (*named)->failures;
  if (unnamed && *unnamed) {
    situation.without_name = JudgeLook(situation.endpoint, **unnamed, options);
  }
}

// AddKnown adds the certificate with a pinned key, unless the pin is known already.
void AddKnown(const SeenCertificate& certificate, std::vector<KnownPin>& known) {
  const bool there = std::any_of(known.begin(), known.end(),
                                 [&](const KnownPin& one) { return one.spki == certificate.spki; });
  if (!there) {
    known.push_back({certificate.spki, certificate.subject, certificate.is_self_issued});
  }
}

// FindKnownPins looks for the CAs behind the rule's pins wherever certificates were met.
void FindKnownPins(const GatherOptions& options, Situation& situation) {
  const policy::PublicCas public_cas;
  const SeenChain* const chain = situation.Subject();
  for (const PolicyPin& one : situation.rule->pins) {
    const Digest& digest = one.pin.digest;
    if (one.pin.kind != PinKind::kSpki || one.pin.place == PinPlace::kLeaf) continue;
    if (const auto der = options.look.trust->FindByKey(digest)) {
      if (const auto seen = SeeCertificate(*der)) AddKnown(*seen, situation.known_pins);
    }
    const auto add = [&](const SeenCertificate& seen) {
      if (seen.is_ca && seen.spki == digest) AddKnown(seen, situation.known_pins);
    };
    if (chain != nullptr) std::for_each(chain->presented.begin(), chain->presented.end(), add);
    std::for_each(situation.earlier.begin(), situation.earlier.end(), add);
    const bool known = std::any_of(situation.known_pins.begin(), situation.known_pins.end(),
                                   [&digest](const KnownPin& pin) { return pin.spki == digest; });
    if (const policy::PublicCa* const ca = known ? nullptr : public_cas.Find(digest)) {
      const std::string name(ca->name);
      situation.known_pins.push_back({digest, {name, name, {}, {}}, true});
    }
  }
}

bool IsDateTrouble(const SeenChain* chain) {
  return chain != nullptr &&
         (chain->code == Code::kCertExpired || chain->code == Code::kCertNotYetValid);
}

// AskServer makes the requests that tell causes apart, where there is something to tell.
void AskServer(const net::Target& target, const GatherOptions& options, net::Deadline deadline,
               Situation& situation) {
  const SeenChain* const chain = situation.Subject();
  const std::string host(target.host.text());
  if (IsDateTrouble(chain)) {
    const std::string name = target.host.is_ip() ? std::string() : host;
    const SmallRequest request{.method = "HEAD", .host = host, .path = "/"};
    const auto answer = AskInsecurely(target, options.look.connect, options.look.sni.value_or(name),
                                      request, deadline);
    if (answer) situation.server_time = answer->date;
  }
  const bool not_tls =
      std::any_of(situation.failures.begin(), situation.failures.end(),
                  [](const PeerError& failure) { return failure.error.code == Code::kNotTls; });
  const bool refused = chain != nullptr && !chain->verdict.allowed();
  net::Target clear = target;
  if (!not_tls) {
    if (!refused || target.port != kHttpsPort || options.outside == Outside::kLeaveAlone) return;
    clear.port = kHttpPort;
  }
  const auto answer = AskInClear(clear, options.look.connect, {.host = host}, deadline);
  if (answer) situation.clear_answer = ClearAnswer{answer->status, answer->location};
}

// FetchIssuer fetches the issuer that was left out, and keeps it where the chain verifies with it.
void FetchIssuer(const GatherOptions& options, net::Deadline deadline, Situation& situation) {
  const SeenChain* const chain = situation.Subject();
  if (chain == nullptr || chain->code != Code::kIssuerUnknown || chain->presented.empty()) return;
  const SeenCertificate& top = TopOf(*chain);
  if (top.is_self_issued || top.issuer_urls.empty()) return;
  const Result<HttpUrl> url = ParseHttpUrl(top.issuer_urls.front());
  if (!url) return;
  const auto answer = AskInClear(
      url->target, {}, {.host = std::string(url->target.host.text()), .path = url->path}, deadline);
  if (!answer || answer->status != 200) return;
  PresentedChain completed;
  for (const SeenCertificate& one : chain->presented) completed.certificates.push_back(one.der);
  const auto add = [&completed](const formats::MaterialView& item) -> Result<void> {
    const bool wanted = item.kind == formats::MaterialKind::kCertificate &&
                        completed.certificates.size() < kMaxPathLength;
    if (wanted) completed.certificates.emplace_back(item.der.begin(), item.der.end());
    return Ok();
  };
  if (!formats::ForEachKeyMaterial(AsBytes(answer->body), add)) return;
  const SeenChain judged = Judge(situation.endpoint, completed, options);
  const bool fetched = completed.certificates.size() > chain->presented.size();
  if (!fetched || judged.path.empty()) return;
  if (auto issuer = SeeCertificate(completed.certificates[chain->presented.size()])) {
    situation.fetched_issuer = *std::move(issuer);
  }
}

// SiteOf is the part of a host name that its owner registered, as near as the public suffix list
// tells; an address is a site of its own.
std::string SiteOf(const HostName& host) {
  std::string site(host.text());
  if (host.is_ip()) return site;
  for (std::string_view rest = host.text();;) {
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return site;
    const Result<HostName> above = HostName::Parse(rest.substr(dot + 1));
    if (!above || policy::IsPublicSuffix(*above)) return std::string(rest);
    rest.remove_prefix(dot + 1);
    // Two labels of a name whose suffix nobody knows, as "internal", are a site.
    if (rest.find('.') == std::string_view::npos) return site;
    site = rest;
  }
}

}  // namespace

Situation Gather(const net::Target& target, Live live, const GatherOptions& options) {
  const net::Deadline deadline = net::Deadline::After(options.look.timeout * 2);
  Situation situation{.endpoint = Endpoint{target.host, target.port}, .now = options.look.now};
  const Lookup lookup = options.index.Find(target.host, target.port);
  if (lookup.kind == Lookup::Kind::kRule) {
    situation.rule = &options.policy.hosts[lookup.rule.source()];
    situation.expires = lookup.rule.expires();
  }
  situation.resumption = options.resumption;
  situation.earlier = SeeChain(options.earlier);
  if (options.received) {
    situation.received = Judge(situation.endpoint, *options.received, options);
  }
  if (live == Live::kLook) {
    LookLive(target, options, situation);
    AskServer(target, options, deadline, situation);
  }
  if (situation.rule != nullptr) FindKnownPins(options, situation);
  if (options.outside == Outside::kAsk) FetchIssuer(options, deadline, situation);
  return situation;
}

void CompareIssuers(std::vector<Situation>& situations) {
  for (Situation& one : situations) {
    const SeenChain* const chain = one.Subject();
    if (chain == nullptr || chain->leaf() == nullptr) continue;
    const bool vouched =
        chain->anchor == AnchorKind::kPublic || chain->anchor == AnchorKind::kDeclared;
    if (vouched || chain->verdict.allowed()) continue;
    for (const Situation& other : situations) {
      const SeenChain* const theirs = other.Subject();
      const bool same = &other != &one && theirs != nullptr && theirs->leaf() != nullptr &&
                        !theirs->verdict.allowed() &&
                        theirs->leaf()->issuer == chain->leaf()->issuer;
      if (same && SiteOf(other.endpoint.host) != SiteOf(one.endpoint.host)) {
        one.same_issuer.emplace_back(other.endpoint.host.text());
        break;
      }
    }
  }
}

}  // namespace cotter::probe
