// SPDX-License-Identifier: Apache-2.0
//
// What outboxes send through (<cotter/report_spool.h>): the pinned client. Give it a policy of its
// own, in which the report server is pinned to other keys, below another domain, than what is
// reported on; then a key that fails its pins cannot keep its own reports back.
#pragma once

#include <cotter/client.h>
#include <cotter/report_spool.h>

namespace cotter::client {

// PostThrough is a report::PostFunction that sends through `client`, follows no redirect, and reads
// Retry-After where that is a number of seconds (RFC 9110, 10.2.3). Safe from any thread.
[[nodiscard]] report::PostFunction PostThrough(Client client);

}  // namespace cotter::client
