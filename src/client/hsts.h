// SPDX-License-Identifier: Apache-2.0
//
// HTTP Strict Transport Security (RFC 6797): hosts that said over TLS that they are never to be
// asked without it. The store is one client's; it is not locked: whoever owns it keeps to one
// thread at a time.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/hsts_field.h"
#include <cotter/host.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::client {

// Hosts that a store keeps. A page of hostile redirects could name any number; nobody visits this
// many. The entry that ends first goes.
inline constexpr std::size_t kMaxHstsHosts = 10'000;

// The file of a full store, with names of full length, is a fifth of this.
inline constexpr std::size_t kMaxHstsFileSize = std::size_t{16} << 20;

using base::HstsDirective;
using base::ParseHsts;

// HstsStore is the known hosts.
class HstsStore {
 public:
  // Note keeps what `host` said over TLS at `now`. Addresses are not kept (8.1.1).
  void Note(const HostName& host, const HstsDirective& directive, Time now);

  // Knows reports that `host` is to be asked by TLS alone: it said so, or a host above it did for
  // its subdomains.
  [[nodiscard]] bool Knows(const HostName& host, Time now) const;

  [[nodiscard]] std::size_t size() const noexcept { return hosts_.size(); }

  // Write is the store as text, one host a line, without what has ended at `now`. Read adds what
  // Write wrote. It fails with kFormatMalformed on the first line that it would not have written,
  // and adds nothing: half a store would open what the other half closed.
  [[nodiscard]] std::string Write(Time now) const;
  [[nodiscard]] Result<void> Read(std::string_view text);

 private:
  struct Entry {
    Time expires;
    bool subdomains = false;
  };

  std::map<std::string, Entry, std::less<>> hosts_;  // by canonical name
};

}  // namespace cotter::client
