// SPDX-License-Identifier: Apache-2.0
//
// What watch shows of itself and of the servers: Prometheus' text for /metrics, and for
// /probe?target=, under the names of blackbox_exporter, so that its dashboards work. Pure; each
// allocates its result.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/engine/facts.h"
#include "watch/alert_book.h"
#include "watch/collector.h"
#include "watch/dispatcher.h"
#include "watch/facts.h"
#include "watch/fleet.h"
#include <cotter/report.h>
#include <cotter/time.h>

namespace cotter::watch {

// OwnFigures is what is not of a server.
struct OwnFigures {
  std::string vantage;
  std::uint64_t policy_version = 0;
  bool last_reload_successful = true;
  std::int64_t last_reload_success_seconds = 0;  // since 1970
  std::int64_t start_seconds = 0;
  bool store_writable = true;
  std::optional<std::uint64_t> store_free_bytes;
  std::uint64_t clock_jumps = 0;
  bool clock_in_doubt = false;
  std::size_t pending = 0;  // questions
  std::size_t open = 0;     // connections
};

// MetricsText is /metrics.
[[nodiscard]] std::string MetricsText(const Fleet& fleet, const OwnFigures& own,
                                      const probe::Tally& tally, const AlertBook& book,
                                      const std::vector<Dispatcher::SinkFacts>& sinks,
                                      const Collector& collector, const report::Counters& failures,
                                      const Moment& now);

// ProbeText is /probe: what blackbox_exporter's http and tcp probes with TLS say of `facts`, which
// took `seconds`.
[[nodiscard]] std::string ProbeText(const ServerFacts& facts, double seconds);

// TargetOf is the target that a query of /probe asks for ("target=api.example.com:443",
// "target=https%3A%2F%2Fapi.example.com"); empty where there is none.
[[nodiscard]] std::string TargetOf(std::string_view query);

}  // namespace cotter::watch
