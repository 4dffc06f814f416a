// SPDX-License-Identifier: Apache-2.0
//
// Where the caller's own code is run: on the thread that waits for the request, with no lock held.
// Whatever that code throws ends here.
#pragma once

#include <optional>
#include <string>

#include "client/transfer.h"

namespace cotter::client {

// Delivery is what came of it.
struct Delivery {
  std::optional<Error> fault;  // the sink or the source failed: the request ends
  std::string upload;          // what the source gave; empty: its end, where it was asked
};

// TellAndLog tells the handler of bad pins, and the logger. Neither can change anything.
void TellAndLog(const Options& options, const Mail& mail) noexcept;

// DeliverBody serves sink, source and progress.
[[nodiscard]] Delivery DeliverBody(const Request& request, const Mail& mail) noexcept;

}  // namespace cotter::client
