// SPDX-License-Identifier: Apache-2.0
//
// The head of a hostile HTTP answer as facts. Pure, safe from any thread.
#pragma once

#include <optional>
#include <string_view>

#include "probe/engine/facts.h"

namespace cotter::probe {

// ReadHttpFacts reads what came in of an answer; nullopt where it is no HTTP/1.x. Of a field that
// comes more than once the first counts (RFC 6797, 8.1).
[[nodiscard]] std::optional<HttpFacts> ReadHttpFacts(std::string_view answer);

}  // namespace cotter::probe
