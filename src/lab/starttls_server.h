// SPDX-License-Identifier: Apache-2.0
//
// The server's side of what is said before TLS, one fixed script a protocol.
#pragma once

#include <string>

#include "lab/server.h"
#include "lab/wire.h"

namespace cotter::lab {

// TalkUntilTls speaks `protocol` on `wire` until the client may begin TLS, and appends all that the
// client said to `heard`. False when TLS will not begin: the server refuses, or the client left or
// said what the script does not know.
[[nodiscard]] bool TalkUntilTls(Wire& wire, Starttls protocol, StarttlsConduct conduct,
                                std::string& heard);

}  // namespace cotter::lab
