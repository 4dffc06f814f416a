// SPDX-License-Identifier: Apache-2.0
//
// What the facts of one host say about how it is run: the findings of scan and watch, each with the
// code of its page. Nothing is asked here. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/engine/facts.h"
#include "probe/scan/baseline.h"
#include <cotter/code.h>
#include <cotter/time.h>

namespace cotter::probe {

// How much a finding matters.
enum class Level : std::uint8_t {
  kWarning,  // should be better
  kProblem,  // clients are refused, or soon will be, or an attack looks like this
};

// NameOf is "warning" or "problem".
[[nodiscard]] std::string_view NameOf(Level level) noexcept;

// Finding is one of them.
struct Finding {
  Code code;
  Level level = Level::kWarning;
  std::vector<std::string> peers;  // where; empty where it is about the host as a whole
  std::string detail;              // one line, lower case
};

// Lifetime is that of a leaf.
struct Lifetime {
  Time not_before;
  Time not_after;
  double used = 0;  // 0 to 1 between the two; above 1 once it is over
};

// Certificates are due for renewal at two thirds of their lifetime (Let's Encrypt); past this much
// it has been forgotten.
inline constexpr double kOverdue = 0.75;

// An HSTS age below half a year is not taken for serious (hstspreload.org asks for a year).
inline constexpr std::int64_t kShortestHstsAge = std::int64_t{180} * 86'400;

// LifetimeOf is that of `leaf` as of `now`; nullopt where its dates cannot be read.
[[nodiscard]] std::optional<Lifetime> LifetimeOf(const SeenCertificate& leaf, Time now);

// FirstToEnd is the lifetime of the leaf of `facts` that ends first; nullopt where none was seen.
[[nodiscard]] std::optional<Lifetime> FirstToEnd(const HostFacts& facts);

// FindingsOf is everything worth telling of a host beside the verdict on its chains. `baseline` may
// be null. Allocates.
[[nodiscard]] std::vector<Finding> FindingsOf(const HostFacts& facts, const Baseline* baseline);

// ProvesBackup reports whether the standby endpoint that answered with `facts` holds a key that the
// rule for the host pins as backup or next: it made a signature with it (S3-11). nullopt is yes;
// otherwise the finding that it does not, kBackupUnproven.
[[nodiscard]] std::optional<Finding> ProvesBackup(const HostFacts& facts);

}  // namespace cotter::probe
