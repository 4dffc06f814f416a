// SPDX-License-Identifier: Apache-2.0
//
// The gateway's figures in Prometheus' text format (version 0.0.4). For the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/session.h"
#include <cotter/report.h>
#include <cotter/time.h>

namespace cotter::gateway {

// GatewayFigures is what is not counted by route.
struct GatewayFigures {
  std::uint64_t policy_version = 0;
  std::optional<Time> emergency_end;  // of the policy's next emergency statement to end
  bool last_reload_successful = true;
  std::int64_t last_reload_success_seconds = 0;  // since 1970
  std::int64_t start_seconds = 0;
};

[[nodiscard]] std::string MetricsText(const std::vector<std::unique_ptr<Route>>& routes,
                                      const GatewayFigures& figures,
                                      const report::Counters& violations);

}  // namespace cotter::gateway
