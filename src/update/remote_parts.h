// SPDX-License-Identifier: Apache-2.0
//
// What a RemotePolicy has of the outside world. Programs have the real one; tests bring their own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "update/fetcher.h"
#include <cotter/result.h>
#include <cotter/time.h>
#include <cotter/update.h>

namespace cotter::update {

// RemoteParts is called on the source's thread alone.
struct RemoteParts {
  // A network for one poll: nothing of it, neither a connection nor roots that were read, stays in
  // memory for the hours until the next. Its fetches end soon after `stop` has become true.
  std::function<std::unique_ptr<Fetcher>(std::shared_ptr<const std::atomic<bool>> stop)> fetcher;
  std::function<Time()> now;
  std::function<std::int64_t()> uptime;  // seconds of a clock that runs forward, also in sleep
  std::function<std::uint32_t()> random;
};

class RemotePolicyAccess {
 public:
  [[nodiscard]] static Result<std::shared_ptr<RemotePolicy>> Open(RemoteOptions options,
                                                                  RemoteParts parts);
};

}  // namespace cotter::update
