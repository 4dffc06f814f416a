// SPDX-License-Identifier: Apache-2.0
//
// A Fetcher over libcurl. It verifies servers by the WebPKI and pins nothing: what it brings is
// signed, and a channel pinned by the policy that it carries could lock itself out. For one
// thread; keeps its connection.
#pragma once

#include <memory>
#include <string>

#include "update/fetcher.h"

namespace cotter::update {

// Whether http:// may be fetched. Signatures hold without TLS; who reads along sees what is
// fetched.
enum class Cleartext { kRefuse, kInsecureAllow };

class CurlFetcher : public Fetcher {
 public:
  // `roots` is a file of trusted roots in PEM, or empty for the system's.
  explicit CurlFetcher(Cleartext cleartext, std::string roots = {});
  ~CurlFetcher() override;

  // Fetch follows three redirections at most. 403, 404 and 410 are "nothing there": buckets answer
  // the first for a file that does not exist. Ends after 10 s below 1 kB/s.
  [[nodiscard]] Result<std::optional<std::string>> Fetch(const std::string& url,
                                                         std::size_t limit) override;

 private:
  struct Handle;

  std::unique_ptr<Handle> handle_;
};

}  // namespace cotter::update
