// SPDX-License-Identifier: Apache-2.0
//
// ENVIRONMENT/emergency.json: what the emergency role says beside a policy, for a time. The bounds
// of what it may say are compiled into every client; a statement outside of them is refused alone,
// and hinders neither the others nor a policy. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/pin.h>
#include <cotter/policy.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::update {

// The role's name, below the top-level targets.
inline constexpr std::string_view kEmergencyRole = "emergency";

// How many people have to have signed, whatever the role's own threshold is.
inline constexpr std::size_t kMinApprovers = 2;

// How many more than the role's threshold have to have signed what leaves a rule without a pin:
// nobody can connect there until a new policy has come.
inline constexpr std::size_t kWideMargin = 1;

// How long a rule may be suspended, and a pin stand beside a rule's own: from the statement's
// beginning, and from when a client first saw it.
inline constexpr std::int64_t kMaxSuspension = std::int64_t{72} * 3600;
inline constexpr std::int64_t kMaxAddedPin = std::int64_t{30} * 86'400;

// The file is read into memory before it is verified; full of the largest statements it has half of
// that.
inline constexpr std::size_t kMaxEmergencyFile = std::size_t{1} << 20;

// Reason and ticket are shown in a line; ids stand in every report.
inline constexpr std::size_t kMaxEmergencyText = 500;
inline constexpr std::size_t kMaxStatementId = 64;

// SignedStatement is a statement as it was signed.
struct SignedStatement {
  EmergencyStatement what;  // `until` is its end, which no clock of a client has touched yet
  Time begins;
  Digest digest{};  // of its canonical form: what tells two statements under one id apart
};

// RefusedStatement is one that has no effect.
struct RefusedStatement {
  std::string id;  // "statement 3" where it has none that can be read
  Error error;     // kEmergencyInvalid
};

struct EmergencyFile {
  std::string environment;
  std::int64_t version = 0;  // only grows
  std::vector<SignedStatement> statements;
  std::vector<RefusedStatement> refused;
};

// LongestOf is how long a statement of `kind` may last; none for kRevoke, which has no end.
[[nodiscard]] std::int64_t LongestOf(EmergencyKind kind) noexcept;

// CheckStatement holds `statement` against the bounds. kEmergencyInvalid.
[[nodiscard]] Result<void> CheckStatement(const SignedStatement& statement);

// ReadEmergencyFile reads the target's content. kEmergencyInvalid for a file that is none, as a
// whole: not JSON, another layout, more statements than there may be; what is wrong with one
// statement is in `refused`. Unknown keys are wrong: what a client does not know it cannot bound.
[[nodiscard]] Result<EmergencyFile> ReadEmergencyFile(std::string_view text);

// WriteEmergencyFile is the content for `file`; what is refused in it is left out.
[[nodiscard]] std::string WriteEmergencyFile(const EmergencyFile& file);

// NeedsWide reports whether revoking `key` leaves a rule of `policy` without a pin that could match
// for good: pins that other statements revoke, in `policy.emergency`, count no more, and pins that
// statements add do not count.
[[nodiscard]] bool NeedsWide(const Policy& policy, const Digest& key);

}  // namespace cotter::update
