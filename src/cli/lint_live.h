// SPDX-License-Identifier: Apache-2.0
//
// What lint --live sees at the servers that a policy names. Keeps no state; used by one thread.
#pragma once

#include <string>
#include <vector>

#include "cli/connect_options.h"
#include "policy/lint.h"
#include <cotter/policy.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::cli {

// LiveView is the servers that answered, and those that could not be asked.
struct LiveView {
  std::vector<policy::LiveServer> servers;
  std::vector<Error> failures;           // each names its target
  std::vector<std::string> passed_over;  // patterns that name no server
};

// LookAtPolicy asks every host that `policy` names exactly, on each of its ports or on 443.
// Wildcards name no server and are passed over. Fails where there are no trusted roots, or the
// policy does not compile.
[[nodiscard]] Result<LiveView> LookAtPolicy(const Policy& policy, const ConnectionOptions& options,
                                            Time now);

}  // namespace cotter::cli
