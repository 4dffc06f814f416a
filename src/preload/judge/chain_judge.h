// SPDX-License-Identifier: Apache-2.0
//
// The judge's side for TLS libraries that are not OpenSSL: chains come as bytes; see ChainRequest.
#pragma once

#include "preload/interface.h"

namespace cotter::preload {

Answer JudgeForeignChain(const ChainRequest* request) noexcept;
void RefuseForeign(const char* why) noexcept;

}  // namespace cotter::preload
