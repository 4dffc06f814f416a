// SPDX-License-Identifier: Apache-2.0
//
// SignatureMemo remembers what a process has verified. A client that polls every six hours reads
// the same files each time, as if a stranger had written them; a signature over the same bytes by
// the same keys is verified once. What is remembered is a hash of all that decides, so another
// byte, key or threshold is another question. In memory alone. For one thread.
#pragma once

#include <set>

#include "update/metadata.h"
#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::update {

class SignatureMemo {
 public:
  // Verify is VerifySignatures.
  [[nodiscard]] Result<void> Verify(const Envelope& file, const RoleKeys& role, const KeySet& keys);

 private:
  std::set<Digest> verified_;
};

}  // namespace cotter::update
