// SPDX-License-Identifier: Apache-2.0
//
// How a RemotePolicy stands, as figures for Prometheus. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <cotter/code.h>
#include <cotter/update.h>

namespace cotter::update {

// RejectionCounts is how many polls were rejected, by step and code.
using RejectionCounts = std::map<std::pair<std::string, Code>, std::uint64_t>;

// RemoteMetricsText is the text exposition format 0.0.4.
[[nodiscard]] std::string RemoteMetricsText(const RemoteStatus& status,
                                            const RejectionCounts& rejections);

}  // namespace cotter::update
