// SPDX-License-Identifier: Apache-2.0
//
// The judge of policies: what in one is wrong, weak or about to fail, each finding with a stable
// code, its place, the reason and the fix. It decides nothing at run time. Nothing here reads a
// clock or a network; every function is safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/table_reader.h"
#include <cotter/policy.h>
#include <cotter/time.h>

namespace cotter::policy {

enum class Severity : std::uint8_t {
  kOff,      // the profile does not ask for it
  kInfo,     // worth knowing; a choice somebody should have made on purpose
  kWarning,  // will hurt one day
  kError,    // locks somebody out, or protects nobody
};

// NameOf is "error", "warning" or "info". Static storage.
[[nodiscard]] std::string_view NameOf(Severity severity) noexcept;

// Profile is whose rules count. The documents that advise on pinning contradict one another, so
// what is a mistake depends on who pins.
enum class Profile : std::uint8_t {
  kStandard,
  kMobile,      // apps that take weeks to update: backups are compulsory, leaf pins alone are risky
  kHealthcare,  // sensitive data: owners, reviews and pinned inventory are compulsory, CAs too
                // broad
  kInternal,    // own CA, own clients, quick roll-out: fewer pins do
  kStrict,      // everything
};

inline constexpr Word<Profile> kProfileWords[] = {{"standard", Profile::kStandard},
                                                  {"mobile", Profile::kMobile},
                                                  {"healthcare", Profile::kHealthcare},
                                                  {"internal", Profile::kInternal},
                                                  {"strict", Profile::kStrict}};

// Finding is one thing found.
struct Finding {
  Code code = Code::kInternal;
  Severity severity = Severity::kOff;
  std::string rule;        // the host pattern; empty for the whole policy
  std::uint32_t line = 0;  // from 1; 0 where there is none
  std::string message;     // lower case, no full stop; holds text of the file
  std::string fix;         // what to do, likewise
};

// LiveServer is what was seen at a server that a rule names.
struct LiveServer {
  std::size_t host = 0;  // the rule, in Policy::hosts
  std::string target;
  std::optional<Error> mismatch{};  // set where the server does not satisfy its rule
  std::vector<Digest> served{};     // SPKI digests of what it presented
  // The life of its leaf certificate in seconds, and the ends of the CAs on its verified paths.
  std::optional<std::int64_t> leaf_lifetime{};
  std::vector<std::pair<Digest, Time>> ca_ends{};
};

// Whether the text is a policy of ours, whose every key could have been set, or was imported.
enum class Origin : std::uint8_t { kOurs, kForeign };

// LintInput is what lint looks at. Borrows all of it.
struct LintInput {
  const Policy& policy;
  std::span<const ReadIssue> issues = {};  // of ReadPolicyLeniently
  std::string_view text = {};              // of the file, searched for secrets
  std::span<const LiveServer> live = {};
  Origin origin = Origin::kOurs;
  Profile profile = Profile::kStandard;
  Time now;
};

// Lint is every finding, by line. Allocates.
[[nodiscard]] std::vector<Finding> Lint(const LintInput& input);

// LintedPolicy names a policy among several.
struct LintedPolicy {
  std::string_view file;
  const Policy& policy;
};

// LintTogether finds what policies of different environments must not share. The findings are
// those of `policies[i]` in element i.
[[nodiscard]] std::vector<std::vector<Finding>> LintTogether(
    std::span<const LintedPolicy> policies);

// FindSecrets looks for private keys, tokens and passwords in the text of any file.
[[nodiscard]] std::vector<Finding> FindSecrets(std::string_view text);

// LeadTime is how long before its expiry a rule should be renewed, in days: a warning, and an
// error. 90 and 60 where keys live a year or longer, and in proportion below.
struct LeadTime {
  std::int64_t warning_days;
  std::int64_t error_days;
};

// LeadTimeFor scales by the life of the key, in seconds.
[[nodiscard]] LeadTime LeadTimeFor(std::int64_t lifetime_seconds) noexcept;

}  // namespace cotter::policy
