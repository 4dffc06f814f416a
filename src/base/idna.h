// SPDX-License-Identifier: Apache-2.0
//
// The UTS #46 mapping that cotter uses, on libidn2.
#pragma once

#include <cotter/host.h>

namespace cotter::base {

// Idna is the mapper: nontransitional UTS #46. It has no state, lives for ever, and may be used
// from any thread.
[[nodiscard]] const IdnaMapper& Idna() noexcept;

}  // namespace cotter::base
