// SPDX-License-Identifier: Apache-2.0
//
// From the options of a command that connects to how src/probe looks at a server. Pure, safe from
// any thread.
#pragma once

#include <memory>
#include <utility>

#include "cli/connect_options.h"
#include "probe/look.h"
#include "tls/trust_store.h"
#include <cotter/time.h>

namespace cotter::cli {

// LookOptionsOf is a look with the roots of `trust`, judged as of `now`.
[[nodiscard]] inline probe::LookOptions LookOptionsOf(const ConnectionOptions& options,
                                                      std::shared_ptr<const tls::TrustStore> trust,
                                                      Time now) {
  probe::LookOptions look{.connect = options.connect,
                          .sni = std::nullopt,
                          .timeout = options.timeout,
                          .trust = std::move(trust),
                          .now = now};
  if (options.sni) look.sni = options.sni->text();
  return look;
}

}  // namespace cotter::cli
