// SPDX-License-Identifier: Apache-2.0
//
// Which intermediates were behind each host when all was well, as a text that people can read and
// compare: a line for each host and intermediate. A value; one thread at a time.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "probe/engine/facts.h"
#include <cotter/pin.h>
#include <cotter/result.h>

namespace cotter::probe {

// A hundred thousand hosts of three intermediates, at 200 bytes a line.
inline constexpr std::size_t kMaxBaselineSize = std::size_t{64} << 20;

// Baseline is the intermediates of each host.
class Baseline {
 public:
  // Read reads what Write wrote; the first line has to be its own. Fails with kFormatMalformed,
  // naming the line.
  [[nodiscard]] static Result<Baseline> Read(std::string_view text);

  // Add keeps what was seen of a host; hosts of which no chain was seen are not added.
  void Add(const HostFacts& facts);

  // Write is all of it, sorted.
  [[nodiscard]] std::string Write() const;

  // Knows reports that the host `target`, "host:port", was there at all.
  [[nodiscard]] bool Knows(const std::string& target) const { return hosts_.contains(target); }

  // Expects reports that `intermediate` was behind `target`.
  [[nodiscard]] bool Expects(const std::string& target, const Digest& intermediate) const;

  [[nodiscard]] std::size_t size() const noexcept { return hosts_.size(); }

 private:
  std::map<std::string, std::map<Digest, std::string>> hosts_;  // with the subjects
};

// IntermediatesOf is the CAs between leaf and root of a chain: those of the verified path, or where
// there is none those that were presented. Borrowed from `chain`.
[[nodiscard]] std::vector<const SeenCertificate*> IntermediatesOf(const ChainFacts& chain);

}  // namespace cotter::probe
