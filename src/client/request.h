// SPDX-License-Identifier: Apache-2.0
//
// A request, looked over before anything is connected. Safe from any thread.
#pragma once

#include <string_view>

#include "client/transfer.h"

namespace cotter::client {

// IsIdempotent reports a method that may be sent twice (RFC 9110, 9.2.2).
[[nodiscard]] bool IsIdempotent(std::string_view method) noexcept;

// PrepareRequest checks transfer's request and fills in what its first hop needs. Fails with
// kUrlInvalid, kHostInvalid, or kUsage: a method or header that is not one (RFC 9110, 5.6.2, so
// that nothing can be smuggled in by a line break), a header that is the client's own, two bodies.
[[nodiscard]] Result<void> PrepareRequest(Transfer& transfer);

// IsToken reports that `text` is a token of RFC 9110, 5.6.2.
[[nodiscard]] bool IsToken(std::string_view text) noexcept;

// MayCross reports that a caller's header may go along to another origin: those that say what is
// wanted and never who wants it. Authorization, Cookie and every unknown header stay behind.
[[nodiscard]] bool MayCross(std::string_view name) noexcept;

}  // namespace cotter::client
