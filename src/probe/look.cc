// SPDX-License-Identifier: Apache-2.0
#include "probe/look.h"

#include <algorithm>
#include <utility>

#include "probe/ask.h"
#include "tls/path_verifier.h"

namespace cotter::probe {
namespace {

// Verifies a presented chain for the target.
void Verify(const net::Target& target, const LookOptions& options, ServedChain& chain) {
  const tls::Verification found =
      tls::VerifyChain(chain.presented, *options.trust, target.host, options.now, {},
                       tls::SearchMode::kWhenDefaultFails);
  if (!found.paths().empty()) {
    chain.path = found.DerOf(0);
  } else if (found.search_end() == SearchEnd::kBoundReached) {
    chain.failure = Error{Code::kSearchBound, "more candidate paths than the limit: undecided"};
  } else if (found.failure()) {
    chain.failure = Error{found.failure()->code, found.failure()->message};
  } else {
    chain.failure = Error{Code::kNoVerifiedPath, "the presented chain has no verified path"};
  }
}

void Merge(const PresentedChain& presented, Sighting sighting, std::vector<ServedChain>& chains) {
  const auto same = std::find_if(chains.begin(), chains.end(), [&](const ServedChain& known) {
    return known.presented.certificates == presented.certificates;
  });
  if (same == chains.end()) {
    chains.push_back(ServedChain{presented, {}, {}, {std::move(sighting)}});
  } else {
    same->sightings.push_back(std::move(sighting));
  }
}

}  // namespace

Result<Look> LookAt(const net::Target& target, const LookOptions& options) {
  COTTER_CHECK(options.trust != nullptr);
  const auto settings = OneLook(options.connect, options.sni, options.timeout);
  const Result<std::vector<HostFacts>> answers = AskAndWait({{target, settings}}, options.now);
  if (!answers) return answers.error();
  const HostFacts& host = answers->front();
  if (host.failure) return *host.failure;
  Look look;
  for (const AddressFacts& address : host.addresses) {
    for (const LookFacts& one : address.looks) {
      if (one.error || one.presented == nullptr) continue;
      Merge(*one.presented, {address.peer, one.version, one.suite}, look.chains);
    }
  }
  AddFailures(host, look.failures, look.passed_over);
  for (ServedChain& chain : look.chains) Verify(target, options, chain);
  return look;
}

}  // namespace cotter::probe
