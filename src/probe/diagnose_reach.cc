// SPDX-License-Identifier: Apache-2.0
//
// Causes on the way to the server: nobody answers, or the network answers in its place.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>

#include "probe/known_issuers.h"
#include "probe/suspicion.h"

namespace cotter::probe {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// PortalWord is a word of `text` that portals call themselves by; empty where there is none.
std::string_view PortalWord(std::string_view text) {
  constexpr std::array<std::string_view, 7> kWords = {
      "captive", "hotspot", "wifi", "wi-fi", "guest-access", "guestnet", "walledgarden"};
  const std::string lower = Lower(text);
  const auto found = std::find_if(kWords.begin(), kWords.end(), [&lower](std::string_view word) {
    return lower.find(word) != std::string::npos;
  });
  return found == kWords.end() ? std::string_view() : *found;
}

// HostOfUrl is the host that a redirect leads to, in lower case; empty where it names none.
std::string HostOfUrl(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const std::size_t user = url.rfind('@');
  if (user != std::string_view::npos) url.remove_prefix(user + 1);
  if (!url.starts_with('[')) url = url.substr(0, url.find(':'));
  return Lower(url);
}

// BelongsTo reports that `host` is the same site as `reference`, or one that its owner may send
// people to: a name below it or above it.
bool BelongsTo(std::string_view host, std::string_view reference) {
  const auto below = [](std::string_view deep, std::string_view wide) {
    return deep.size() > wide.size() && deep.ends_with(wide) &&
           deep[deep.size() - wide.size() - 1] == '.';
  };
  return host == reference || below(host, reference) || below(reference, host);
}

// NamesOf is what a certificate calls itself, in one text.
std::string NamesOf(const SeenCertificate& leaf) {
  std::string names = leaf.subject.text;
  for (const std::string& name : leaf.names) names += " " + name;
  return names;
}

void SuspectCertificate(const Situation& situation, const SeenChain& chain, Suspicion& portal) {
  const SeenCertificate* const leaf = chain.leaf();
  if (leaf == nullptr || chain.verdict.allowed()) return;
  const std::string_view known = CaptivePortalOf(leaf->spki);
  if (!known.empty())
    portal.For(0.95, "its key is that of a captive portal: " + std::string(known));
  if (IsFor(*leaf, situation.endpoint.host)) return;
  const std::string_view word = PortalWord(NamesOf(*leaf));
  if (!word.empty()) {
    portal.For(0.93, "the certificate is not for the host, and calls itself \"" +
                         leaf->subject.text + "\", with the word \"" + std::string(word) + "\"");
  }
}

void SuspectAnswer(const Situation& situation, Suspicion& portal) {
  if (!situation.clear_answer) return;
  const ClearAnswer& answer = *situation.clear_answer;
  constexpr int kNetworkAuthenticationRequired = 511;  // RFC 6585, 6
  if (answer.status == kNetworkAuthenticationRequired) {
    portal.For(0.97, "a request in clear is answered with 511 Network Authentication Required");
    return;
  }
  const std::string host = HostOfUrl(answer.location);
  if (host.empty() || BelongsTo(host, situation.endpoint.host.text())) return;
  portal.For(0.85, "a request in clear is sent to another host, \"" + host + "\"");
}

void DiagnosePortal(const Situation& situation, const SeenChain* chain,
                    std::vector<Cause>& causes) {
  Suspicion portal(Code::kCaptivePortal);
  if (chain != nullptr) SuspectCertificate(situation, *chain, portal);
  const bool refused = chain == nullptr || !chain->verdict.allowed();
  if (refused) SuspectAnswer(situation, portal);
  portal.Tell(
      "sign in to the network with a browser, or leave it, and try again; the pins are right to "
      "refuse this",
      causes);
}

void DiagnoseUnreachable(const Situation& situation, std::vector<Cause>& causes) {
  if (situation.failures.empty()) return;
  const bool any_answer = !situation.chains.empty();
  Suspicion unreachable(Code::kUnreachable);
  for (const PeerError& failure : situation.failures) {
    unreachable.For(any_answer ? 0.4 : 0.9,
                    failure.peer + (failure.peer.empty() ? "" : ": ") + failure.error.message);
  }
  const bool portal = std::any_of(causes.begin(), causes.end(), [](const Cause& cause) {
    return cause.code == Code::kCaptivePortal;
  });
  // Where somebody answers in the server's place, the server was not reached because of that.
  if (portal) unreachable.Against(0.6);
  // An address that is down matters less than one that answers wrongly.
  if (any_answer) unreachable.Against(0.4);
  unreachable.Tell(
      "check name service, the route, the firewall and that the server runs: no certificate "
      "was seen there, so pins have no part in it",
      causes);
}

}  // namespace

void DiagnoseReach(const Situation& situation, std::vector<Cause>& causes) {
  DiagnosePortal(situation, situation.Subject(), causes);
  // What an app received was received: the server was reached.
  if (!situation.received) DiagnoseUnreachable(situation, causes);
}

}  // namespace cotter::probe
