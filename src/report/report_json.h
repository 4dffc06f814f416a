// SPDX-License-Identifier: Apache-2.0
//
// Violations as JSON: a line of the local file, and the report that leaves the machine. Pure, safe
// from any thread.
#pragma once

#include <cstdint>
#include <string>

#include <cotter/report.h>

namespace cotter::report {

// FileLine is `event` as one line of JSON without line end, for a file that stays here: with the
// peer, and of an HTTP client the method, the redacted headers and as much of the URL as `detail`
// says.
[[nodiscard]] std::string FileLine(const ViolationEvent& event, UrlDetail detail);

}  // namespace cotter::report
