// SPDX-License-Identifier: Apache-2.0
//
// What ties the issuer of a refused chain to the server's owner, or speaks against it, beside the
// rule's pins and an earlier chain. Where nothing does, a key that the owner changed and a
// certificate that somebody else was given by a trusted CA look the same. For the files that
// diagnose.
#pragma once

#include <cstdint>
#include <string>

#include "probe/situation.h"

namespace cotter::probe {

enum class Tie : std::uint8_t {
  kNone,   // nothing says whose CA it is
  kSame,   // the owner's certificates elsewhere are from this CA
  kOther,  // they are from another one
};

// Vouching is what is known. `evidence` is for people, and empty with kNone.
struct Vouching {
  Tie tie = Tie::kNone;
  double weight = 0;  // how sure one would be with this alone
  std::string evidence;
  bool newer = false;  // what speaks for the CA was issued after the certificate that is judged
};

// Vouch looks at what other addresses show, at what is shown without server name or live, and at
// the CAs that the policy pins for other hosts of the owner's. `chain` has a verified path, and is
// refused.
[[nodiscard]] Vouching Vouch(const Situation& situation, const SeenChain& chain);

// SameOwner reports that two names belong to one organization, as far as they say so.
[[nodiscard]] bool SameOwner(const SeenName& a, const SeenName& b);

}  // namespace cotter::probe
