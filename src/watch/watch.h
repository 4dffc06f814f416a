// SPDX-License-Identifier: Apache-2.0
//
// cotter watch: the servers of a configuration, looked at for ever; somebody is told when one is
// not as its policy has it, and when it is again. One thread serves everything but what waits for
// receivers of alerts.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "watch/alert_book.h"
#include "watch/config.h"
#include <cotter/result.h>

namespace cotter::watch {

// Where the pages may be served.
enum class Reach : std::uint8_t {
  kThisMachine,       // loopback and Unix sockets
  kInsecureAnywhere,  // whoever reaches the address reads what is watched
};

struct WatchOptions {
  std::string config_file;
  Reach reach = Reach::kThisMachine;
  std::string policy{};  // the path of a policy in place of the configuration's; may be empty
  std::function<std::string()> more_figures{};  // put below those of /metrics; may be null
};

// LoadConfig reads the configuration with what `options` say in its place. Fails as LoadConfig of
// the file does.
[[nodiscard]] Result<WatchConfig> LoadConfig(const WatchOptions& options);

// Check reads the configuration and everything that it names, and looks at nothing. Returns the
// configuration. Fails with what is wrong.
[[nodiscard]] Result<WatchConfig> Check(const WatchOptions& options);

// Serve runs until SIGTERM or SIGINT. SIGHUP reads the configuration, the policy and the trust
// again, and keeps the old ones where something is wrong with the new. The signals are blocked for
// the process. Fails where it cannot begin.
[[nodiscard]] Result<void> Serve(const WatchOptions& options);

// OnceSummary is what one round found.
struct OnceSummary {
  std::size_t servers = 0;
  std::vector<Alert> firing;
  std::size_t undelivered = 0;  // notifications that wait for a sink
};

// Once looks at every server one time, tells what has changed since the last run, and returns. What
// holds is told at once: who runs it from cron sees it rarely enough. Fails as Serve does.
[[nodiscard]] Result<OnceSummary> Once(const WatchOptions& options);

// ServeAgent looks as Serve does and reports to the collector that the configuration names; it
// decides nothing and tells nobody else. Fails as Serve does.
[[nodiscard]] Result<void> ServeAgent(const WatchOptions& options);

}  // namespace cotter::watch
