// SPDX-License-Identifier: Apache-2.0
//
// What `cotter scan` has to say of one host: the facts, the worst verdict among its addresses, and
// the findings. Values; used by one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "cli/check_row.h"
#include "cli/exit.h"
#include "probe/engine/facts.h"
#include "probe/scan/findings.h"

namespace cotter::cli {

// Whether warnings count as a no.
enum class Strictness { kUsual, kStrict };

// ScanRow is one host.
struct ScanRow {
  probe::HostFacts facts;
  CheckRow check;  // the worst look
  std::vector<probe::Finding> findings;
  std::optional<probe::Lifetime> lifetime;  // of the leaf that ends first
  std::string standby;  // the endpoint that should hold a backup key; empty for a usual row
};

// ScanRowOf is the row of `facts`; `baseline` may be null.
[[nodiscard]] ScanRow ScanRowOf(probe::HostFacts facts, const probe::Baseline* baseline);

// StandbyRowOf is the row of a standby endpoint, of which only the key matters.
[[nodiscard]] ScanRow StandbyRowOf(probe::HostFacts facts, std::string endpoint);

// TitleOf is "host:port", and of a standby endpoint that too.
[[nodiscard]] std::string TitleOf(const ScanRow& row);

// ExitOf is the exit code that one row leads to.
[[nodiscard]] Exit ExitOf(const ScanRow& row, Strictness strictness) noexcept;

// LifetimeText is "ends 2027-01-31, 12 % of its lifetime is over"; empty where it is not known.
[[nodiscard]] std::string LifetimeText(const ScanRow& row);

// ScanJson is the row as `--format json` and `ndjson` have it.
[[nodiscard]] boost::json::object ScanJson(const ScanRow& row);

}  // namespace cotter::cli
