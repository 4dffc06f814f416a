// SPDX-License-Identifier: Apache-2.0
//
// Which servers `cotter scan` looks at: those of the command line, of a list, a zone file or a
// policy. What cannot be read is told by file and line, and the rest is scanned. Used by one
// thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/connect_options.h"
#include "cli/policy_input.h"
#include "net/target.h"
#include <cotter/result.h>

namespace cotter::cli {

// Unreadable is one line that names no server.
struct Unreadable {
  std::string file;  // as it was named; empty for the command line
  std::size_t line = 0;
  std::string what;
};

// Standby is an endpoint that should hold a backup key of a host.
struct Standby {
  net::Target host;
  std::string endpoint;  // as it was named
  net::ConnectTo route;  // leads there
};

// ScanInput is all that is to be looked at.
struct ScanInput {
  std::vector<net::Target> targets;  // each once
  std::vector<Standby> standbys;
  std::vector<Unreadable> unreadable;
  std::optional<LoadedPolicy> policy;
};

// ReadScanInput reads what the options name. Fails where a file cannot be read at all, where the
// policy is wrong, and where there is nothing to scan (kUsage).
[[nodiscard]] Result<ScanInput> ReadScanInput(const Arguments& arguments,
                                              const ConnectionOptions& options);

}  // namespace cotter::cli
