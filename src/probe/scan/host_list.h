// SPDX-License-Identifier: Apache-2.0
//
// Which servers a text names: a list, one a line, or a zone file (RFC 1035, 5). What cannot be read
// is told by its line, and the rest is there all the same. Both texts are a stranger's: bounded in
// lines and in their length, and read once from front to back. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/target.h"
#include <cotter/result.h>

namespace cotter::probe {

// More servers than this are not one scan: the text is refused from there on.
inline constexpr std::size_t kMaxListed = 1'000'000;

// Longer lines name no server: a host name has 253 characters.
inline constexpr std::size_t kMaxListLine = 4096;

// At most this many unreadable lines are told one by one; the rest are counted.
inline constexpr std::size_t kMaxBadLines = 1000;

// BadLine is a line that could not be read.
struct BadLine {
  std::size_t line = 0;  // from 1
  std::string what;
};

// HostList is what was read.
struct HostList {
  std::vector<net::Target> targets;  // each once, in the order of the text
  std::vector<BadLine> bad_lines;
  std::size_t more_bad_lines = 0;  // beyond kMaxBadLines
  std::size_t passed_over = 0;     // wildcards of a zone file, which name no server
};

// TargetParser turns one name of a list into a target.
using TargetParser = std::function<Result<net::Target>(std::string_view text)>;

// ReadHostList reads one target a line; empty lines, and what stands behind '#', do not count.
[[nodiscard]] HostList ReadHostList(std::string_view text, const TargetParser& parse);

// ReadZoneFile reads the owners of A, AAAA and CNAME records. `origin` is the zone's name for files
// that do not begin with $ORIGIN; it may be empty. $INCLUDE and $GENERATE are not followed, and are
// told as unreadable.
[[nodiscard]] HostList ReadZoneFile(std::string_view text, std::string_view origin,
                                    const TargetParser& parse);

}  // namespace cotter::probe
