// SPDX-License-Identifier: Apache-2.0
//
// Fetcher is the seam between the update client and the network. Whatever it brings is hostile.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <cotter/result.h>

namespace cotter::update {

class Fetcher {
 public:
  virtual ~Fetcher() = default;

  // Fetch is the body of `url`, or nullopt where the server says that there is nothing. A body of
  // more than `limit` bytes is kFileTooLarge, and ends there; any other failure is kFetchFailed.
  // Bounded in time.
  [[nodiscard]] virtual Result<std::optional<std::string>> Fetch(const std::string& url,
                                                                 std::size_t limit) = 0;
};

}  // namespace cotter::update
