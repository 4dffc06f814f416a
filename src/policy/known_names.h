// SPDX-License-Identifier: Apache-2.0
//
// What lint knows of the outside: public CAs, public suffixes, and domains that other companies
// serve. The data stands in data/ and is built in; public suffixes come from libpsl's list. Safe
// from any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/time.h>

namespace cotter::policy {

// PublicCa is a root of the public programs. `name` has static storage.
struct PublicCa {
  Digest spki;
  Time not_after;
  std::optional<Time> leaving;  // from when root programs take no new certificates of it
  std::string_view name;
};

// PublicCas is all of data/public_cas.txt, sorted by digest.
class PublicCas {
 public:
  PublicCas();

  // Find is the CA with the key `spki`, or null. Borrowed.
  [[nodiscard]] const PublicCa* Find(const Digest& spki) const noexcept COTTER_LIFETIME_BOUND;

 private:
  std::vector<PublicCa> cas_;
};

// ThirdPartyOf is whose domain `host` is under, where data/third_party_domains.txt knows; empty
// otherwise. Static storage.
[[nodiscard]] std::string_view ThirdPartyOf(const HostName& host);

// IsPublicSuffix reports whether strangers can register names right below `name`: an ICANN or a
// private entry of the public suffix list.
[[nodiscard]] bool IsPublicSuffix(const HostName& name);

// DataText is the file data/NAME.txt, made by the build; empty where there is none. Static storage.
[[nodiscard]] std::string_view DataText(std::string_view name) noexcept;

// ForEachLine calls `each` for the lines of a data file that are no comments, and not empty.
void ForEachLine(std::string_view text, const std::function<void(std::string_view)>& each);

}  // namespace cotter::policy
