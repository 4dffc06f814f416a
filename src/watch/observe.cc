// SPDX-License-Identifier: Apache-2.0
#include "watch/observe.h"

#include <algorithm>
#include <map>
#include <utility>

#include "probe/diagnose.h"
#include "watch/observation.h"

namespace cotter::watch {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// Text of a server for alerts and reports: bounded, and without what a terminal acts on.
std::string SafeText(std::string_view text) {
  constexpr std::size_t kLongest = 400;
  std::string safe;
  for (const char c : text.substr(0, kLongest)) safe += c >= 0x20 && c < 0x7F ? c : '?';
  return safe;
}

std::string HexOf(const Digest& digest) {
  std::string text;
  for (const std::uint8_t byte : digest.bytes) {
    text += kHex[byte >> 4U];
    text += kHex[byte & 0xFU];
  }
  return text;
}

// EarliestEnd is the first notAfter of `chain`; 0 where none is a date.
Time EarliestEnd(const std::vector<probe::SeenCertificate>& chain) {
  std::optional<Time> earliest;
  for (const probe::SeenCertificate& certificate : chain) {
    if (certificate.not_after && (!earliest || *certificate.not_after < *earliest)) {
      earliest = certificate.not_after;
    }
  }
  return earliest.value_or(Time{});
}

std::vector<Digest> KeysOf(const std::vector<probe::SeenCertificate>& chain) {
  std::vector<Digest> keys;
  for (const probe::SeenCertificate& certificate : chain) {
    if (keys.size() < kMaxPath) keys.push_back(certificate.spki);
  }
  return keys;
}

SeenChainFacts ChainOf(const probe::SeenChain& seen) {
  SeenChainFacts chain;
  const probe::SeenCertificate& leaf = seen.presented.front();
  chain.leaf = leaf.spki;
  chain.presented = KeysOf(seen.presented);
  chain.path = KeysOf(seen.path);
  chain.not_before = leaf.not_before.value_or(Time{});
  chain.not_after = leaf.not_after.value_or(Time{});
  chain.earliest_end = EarliestEnd(seen.presented);
  chain.path_end = EarliestEnd(seen.path);
  chain.issuer = SafeText(leaf.issuer.text);
  chain.serial = HexOf(leaf.cert);
  chain.outcome = seen.verdict.outcome;
  chain.code = seen.code;
  chain.message = SafeText(seen.message);
  return chain;
}

bool IsRefused(const SeenChainFacts& chain) {
  return chain.outcome != Outcome::kPinnedOk && chain.outcome != Outcome::kNotPinned;
}

// Adder puts each distinct chain of a host once into the facts.
class Adder {
 public:
  explicit Adder(ServerFacts& facts) : facts_(facts) {}

  std::optional<std::size_t> Add(const std::shared_ptr<const probe::ChainFacts>& chain) {
    if (!chain || chain->seen.presented.empty()) return std::nullopt;
    const auto [known, is_new] = indexes_.try_emplace(chain.get(), facts_.chains.size());
    if (!is_new) return known->second;
    SeenChainFacts facts = ChainOf(chain->seen);
    const auto same = std::find(facts_.chains.begin(), facts_.chains.end(), facts);
    if (same != facts_.chains.end()) {
      known->second = static_cast<std::size_t>(same - facts_.chains.begin());
      return known->second;
    }
    if (facts_.chains.size() >= kMaxChains) return std::nullopt;
    facts_.chains.push_back(std::move(facts));
    return known->second;
  }

 private:
  ServerFacts& facts_;
  std::map<const probe::ChainFacts*, std::size_t> indexes_;
};

PeerFacts PeerOf(const probe::AddressFacts& address, Adder& chains) {
  PeerFacts peer;
  peer.peer = address.peer;
  const probe::LookFacts& usual = address.usual();
  peer.version = usual.version;
  const auto phase = [&](probe::Phase which) {
    return static_cast<std::int64_t>(usual.timings[static_cast<std::size_t>(which)].count());
  };
  peer.times = {.resolve = 0,
                .connect = phase(probe::Phase::kConnect),
                .handshake = phase(probe::Phase::kHandshake)};
  for (const probe::LookFacts& look : address.looks) {
    // A certificate without its key is anybody's.
    if (!look.proved) continue;
    const auto index = chains.Add(look.chain);
    if (!index) continue;
    if (std::find(peer.chains.begin(), peer.chains.end(), *index) == peer.chains.end()) {
      peer.chains.push_back(*index);
    }
  }
  if (peer.chains.empty()) {
    peer.error = usual.error ? usual.error->code : Code::kTlsFailed;
    peer.message = usual.error ? SafeText(usual.error->message) : "nothing was presented";
  }
  return peer;
}

void Explain(const probe::HostFacts& host, const PolicyView& view, ServerFacts& facts) {
  const RuleView rule = view.RuleOf(host.target);
  probe::Situation situation{.endpoint = Endpoint{host.target.host, host.target.port},
                             .now = host.at,
                             .rule = rule.rule,
                             .expires = rule.expires};
  for (const probe::AddressFacts& address : host.addresses) {
    if (address.passed_over) continue;
    for (const probe::LookFacts& look : address.looks) {
      if (!look.chain || !look.proved || look.purpose == probe::Purpose::kWithoutName) continue;
      situation.chains.push_back(look.chain->seen);
      situation.chains.back().peers = {address.peer};
    }
  }
  const std::vector<probe::Cause> causes = probe::Diagnose(situation);
  if (causes.empty()) return;
  facts.cause = causes.front().code;
  facts.fix = SafeText(causes.front().fix);
}

}  // namespace

ServerFacts FactsOf(const probe::HostFacts& host, const PolicyView& view) {
  ServerFacts facts;
  facts.target = net::FormatTarget(host.target);
  facts.at = host.at;
  facts.policy_version = view.version();
  if (host.failure) {
    facts.failure = host.failure->code;
    facts.message = SafeText(host.failure->message);
    return facts;
  }
  Adder chains(facts);
  for (const probe::AddressFacts& address : host.addresses) {
    if (address.passed_over || facts.peers.size() >= kMaxPeers) continue;
    facts.peers.push_back(PeerOf(address, chains));
    facts.peers.back().times.resolve = host.resolving.count();
  }
  if (std::any_of(facts.chains.begin(), facts.chains.end(), IsRefused)) {
    Explain(host, view, facts);
  }
  return facts;
}

}  // namespace cotter::watch
