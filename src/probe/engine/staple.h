// SPDX-License-Identifier: Apache-2.0
//
// A stapled OCSP response (RFC 6066, 8; RFC 6960) held against the certificate that came with it:
// whether it is about that certificate, signed by its issuer or by whom the issuer appointed, and
// current. Nothing is fetched. Pure, safe from any thread.
#pragma once

#include "probe/engine/facts.h"
#include <cotter/bytes.h>
#include <cotter/time.h>

namespace cotter::probe {

// ReadStaple judges the response `staple` as of `now`, for the certificate `leaf` that `issuer`
// issued, both DER. Allocates.
[[nodiscard]] StapleFacts ReadStaple(ByteView staple, ByteView leaf, ByteView issuer, Time now);

}  // namespace cotter::probe
