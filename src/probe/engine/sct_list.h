// SPDX-License-Identifier: Apache-2.0
//
// Lists of signed certificate timestamps (RFC 6962, 3.3), counted; their signatures are a monitor's
// affair. Pure, safe from any thread.
#pragma once

#include <cstddef>

#include <cotter/bytes.h>

namespace cotter::probe {

// CountScts is the timestamps of a SignedCertificateTimestampList; 0 where it is malformed.
[[nodiscard]] std::size_t CountScts(ByteView list) noexcept;

}  // namespace cotter::probe
