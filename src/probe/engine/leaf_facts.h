// SPDX-License-Identifier: Apache-2.0
//
// What scans ask of an end-entity certificate beside what diagnosis reads. Pure, safe from any
// thread.
#pragma once

#include "probe/engine/facts.h"
#include <cotter/bytes.h>

namespace cotter::probe {

// ReadLeafFacts reads the certificate `der`; what cannot be read is empty. Allocates.
[[nodiscard]] LeafFacts ReadLeafFacts(ByteView der);

}  // namespace cotter::probe
