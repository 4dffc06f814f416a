// SPDX-License-Identifier: Apache-2.0
//
// The gateway's figures in Prometheus' text format (version 0.0.4). For the loop's thread.
#pragma once

#include <cstdint>
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
  std::optional<Time> emergency_end;             // of the policy's next emergency statement to end
  Digest config{};                               // SHA-256 of the configuration file in force
  bool config_read = true;                       // at the last try
  bool policy_read = true;                       // at the last try
  std::int64_t last_reload_success_seconds = 0;  // since 1970
  std::size_t retired_clients = 0;               // of routes that are out of force
  std::int64_t start_seconds = 0;
};

[[nodiscard]] std::string MetricsText(const std::vector<const Route*>& routes,
                                      const GatewayFigures& figures,
                                      const report::Counters& violations);

}  // namespace cotter::gateway
