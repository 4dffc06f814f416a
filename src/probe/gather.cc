// SPDX-License-Identifier: Apache-2.0
#include "probe/gather.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "formats/key_material.h"
#include "policy/known_names.h"
#include "probe/ask.h"
#include "probe/judge_seen.h"
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

// ChainsOf is each chain that `host` showed, once, with the addresses that did.
std::vector<SeenChain> ChainsOf(const HostFacts& host) {
  std::vector<SeenChain> chains;
  std::vector<const ChainFacts*> known;
  for (const AddressFacts& address : host.addresses) {
    for (const LookFacts& look : address.looks) {
      if (look.error || look.chain == nullptr) continue;
      // What was judged is shared between the looks that saw the same bytes.
      const auto at = std::find(known.begin(), known.end(), look.chain.get());
      const auto index = static_cast<std::size_t>(at - known.begin());
      if (at == known.end()) {
        known.push_back(look.chain.get());
        chains.push_back(look.chain->seen);
      }
      chains[index].peers.push_back(address.peer);
    }
  }
  return chains;
}

void LookLive(const net::Target& target, const GatherOptions& options, Situation& situation) {
  const auto named = OneLook(options.look.connect, options.look.sni, options.look.timeout);
  named->trust = options.look.trust;
  named->declared = options.declared;
  // Borrowed, as Situation says.
  named->policy = std::shared_ptr<const PolicyIndex>(std::shared_ptr<void>(), &options.index);
  std::vector<Question> questions{{target, named}};
  // Both at once, so that a slow server costs no more than itself.
  if (!target.host.is_ip()) {
    const auto nameless = std::make_shared<Settings>(*named);
    nameless->sni = "";
    questions.push_back({target, nameless});
  }
  const auto answers = AskAndWait(questions, options.look.now);
  const std::optional<Error> failure = answers ? answers->front().failure : answers.error();
  if (failure) {
    situation.failures.push_back({net::FormatTarget(target), *failure});
    return;
  }
  situation.chains = ChainsOf(answers->front());
  std::vector<PeerError> passed_over;
  AddFailures(answers->front(), situation.failures, passed_over);
  if (answers->size() > 1) situation.without_name = ChainsOf(answers->back());
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

// FindSiteCas looks for the CAs that the policy pins for other hosts of the same owner's.
void FindSiteCas(const GatherOptions& options, Situation& situation) {
  const policy::PublicCas public_cas;
  const std::string site = SiteOf(situation.endpoint.host);
  for (const HostRule& rule : options.policy.hosts) {
    if (&rule == situation.rule || rule.mode == Mode::kOff) continue;
    if (SiteOf(rule.pattern.base()) != site) continue;
    for (const PolicyPin& one : rule.pins) {
      const Pin& pin = one.pin;
      if (pin.kind != PinKind::kSpki || pin.use == PinUse::kRevoked) continue;
      std::string name;
      if (const policy::PublicCa* const ca = public_cas.Find(pin.digest)) name = ca->name;
      if (const auto der = options.look.trust->FindByKey(pin.digest)) {
        if (const auto seen = SeeCertificate(*der)) name = seen->subject.text;
      }
      if (name.empty() && pin.place != PinPlace::kCa) continue;
      situation.site_cas.push_back({pin.digest, rule.pattern.ToString(), std::move(name)});
    }
  }
}

bool IsDateTrouble(const SeenChain* chain) {
  return chain != nullptr &&
         (chain->code == Code::kCertExpired || chain->code == Code::kCertNotYetValid);
}

// LeftOf is what is left of the time, for a question; at least a little, since none at all would
// mean no limit.
std::chrono::milliseconds LeftOf(net::Deadline deadline) {
  return std::chrono::milliseconds(std::max(deadline.PollTimeout(), 1));
}

// AskTime is what the server takes for the time, from an answer over TLS that nobody verified.
std::optional<Time> AskTime(const net::Target& target, const GatherOptions& options,
                            net::Deadline deadline) {
  const auto settings = OneLook(options.look.connect, options.look.sni, LeftOf(deadline));
  settings->wanted = {.headers = true};
  settings->http = true;
  const auto answers = AskAndWait({{target, settings}}, options.look.now);
  if (!answers) return std::nullopt;
  for (const AddressFacts& address : answers->front().addresses) {
    const std::optional<HttpFacts>& http = address.usual().http;
    if (http && http->date) return http->date;
  }
  return std::nullopt;
}

// AskInClear makes a request without TLS; null where there is no answer.
std::shared_ptr<const SmallAnswer> AskInClear(const net::Target& target,
                                              const net::ConnectOptions& connect,
                                              SmallRequest request, net::Deadline deadline) {
  const auto settings = OneLook(connect, std::nullopt, LeftOf(deadline));
  settings->in_clear = std::move(request);
  const auto answers = AskAndWait({{target, settings}}, Time{});
  if (!answers || answers->front().addresses.empty()) return nullptr;
  return answers->front().addresses.back().usual().clear;
}

// AskServer makes the requests that tell causes apart, where there is something to tell.
void AskServer(const net::Target& target, const GatherOptions& options, net::Deadline deadline,
               Situation& situation) {
  const SeenChain* const chain = situation.Subject();
  if (IsDateTrouble(chain)) situation.server_time = AskTime(target, options, deadline);
  const bool not_tls =
      std::any_of(situation.failures.begin(), situation.failures.end(),
                  [](const PeerError& failure) { return failure.error.code == Code::kNotTls; });
  const bool refused = chain != nullptr && !chain->verdict.allowed();
  net::Target clear = target;
  if (!not_tls) {
    if (!refused || target.port != kHttpsPort || options.outside == Outside::kLeaveAlone) return;
    clear.port = kHttpPort;
  }
  // What speaks before STARTTLS is no web server.
  if (options.look.connect.starttls != net::Starttls::kNone) return;
  const auto answer =
      AskInClear(clear, options.look.connect, {.host = std::string(target.host.text())}, deadline);
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
  if (situation.rule != nullptr) {
    FindKnownPins(options, situation);
    FindSiteCas(options, situation);
  }
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
