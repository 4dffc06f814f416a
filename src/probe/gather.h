// SPDX-License-Identifier: Apache-2.0
//
// Gathers what Diagnose reads: from a live server, from a chain that an app received, or both, held
// against a policy. It looks at every address, with and without the server name, and where that
// fails asks what tells causes apart: the server's time, an answer in clear, the issuer that is
// missing. None of it carries data of the caller's. Safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "net/target.h"
#include "probe/look.h"
#include "probe/situation.h"
#include "tls/trust_store.h"
#include <cotter/path.h>
#include <cotter/policy.h>
#include <cotter/policy_index.h>
#include <cotter/result.h>

namespace cotter::probe {

// Whether anything beside the server itself may be asked: the URL that a certificate names for its
// issuer, and port 80 of the host.
enum class Outside : std::uint8_t { kAsk, kLeaveAlone };

// GatherOptions is what everything is held against. `policy` and `index` are of one policy.
struct GatherOptions {
  LookOptions look;  // its trust store and time judge received chains too
  std::shared_ptr<const tls::TrustStore> declared;  // roots that the caller named; may be null
  const Policy& policy;
  const PolicyIndex& index;
  std::optional<PresentedChain> received;
  std::vector<Bytes> earlier;  // a chain from when all was well, leaf first
  Resumption resumption = Resumption::kNotKnown;
  Outside outside = Outside::kAsk;
};

// Whether the server is looked at.
enum class Live : std::uint8_t { kLook, kDoNotLook };

// Gather collects the situation of `target`. What cannot be reached becomes a fact of the result.
[[nodiscard]] Situation Gather(const net::Target& target, Live live, const GatherOptions& options);

// CompareIssuers fills `same_issuer` of situations of unrelated hosts: one issuer that no public
// root stands behind and that speaks for all of them is an interceptor's.
void CompareIssuers(std::vector<Situation>& situations);

}  // namespace cotter::probe
