// SPDX-License-Identifier: Apache-2.0
//
// A Fetcher over libcurl. It verifies servers by the WebPKI and pins nothing: what it brings is
// signed, and a channel pinned by the policy that it carries could lock itself out. For one
// thread; keeps its connection.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "update/fetcher.h"
#include <cotter/update.h>

namespace cotter::update {

class CurlFetcher : public Fetcher {
 public:
  // `roots` is a file of trusted roots in PEM, or empty for the system's. Where `stop`, which may
  // be null, becomes true, a fetch ends within about a second.
  explicit CurlFetcher(Cleartext cleartext, std::string roots = {},
                       std::shared_ptr<const std::atomic<bool>> stop = nullptr);
  ~CurlFetcher() override;

  // Fetch follows three redirections at most. 403, 404 and 410 are "nothing there": buckets answer
  // the first for a file that does not exist. Ends after 10 s below 1 kB/s, and at the latest when
  // a body of `limit` bytes could have come at that speed.
  [[nodiscard]] Result<std::optional<std::string>> Fetch(const std::string& url,
                                                         std::size_t limit) override;

 private:
  struct Handle;

  std::unique_ptr<Handle> handle_;
};

}  // namespace cotter::update
