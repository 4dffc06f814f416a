// SPDX-License-Identifier: Apache-2.0
//
// The judge. Evaluate holds verified paths against a compiled policy and answers with a Verdict:
// data, not an error. It is total, noexcept, allocates nothing, reads no clock, and the same inputs
// always give the same verdict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/code.h>
#include <cotter/host.h>
#include <cotter/path.h>
#include <cotter/pin.h>
#include <cotter/policy_index.h>
#include <cotter/time.h>

namespace cotter {

// Outcome is the one-word answer. Its name (NameOf) is the `verdict` of `cotter check --json`.
enum class Outcome : std::uint8_t {
  kPinnedOk,     // a verified path satisfies the rule
  kPinMismatch,  // the rule enforces, and no verified path satisfies it
  kReported,     // the same, on a rule that only reports
  kNotPinned,    // PKI is sound, and no pin takes part: unlisted, off, expired with on_expiry =
                 // "pki", or inspected by a CA that a development policy names
  kRevoked,      // a path would do or no pin takes part, but every such path holds a revoked key
  kUnlistedRefused,  // no rule names the host, and the policy refuses such hosts
  kPortRefused,      // the host is ruled only on other ports
  kSearchBound,      // not satisfied so far, and the search for other paths ended at its bound
  kPkiError,         // there is no verified path, or no policy to decide by
};

// NameOf is the stable name of `outcome` ("pinned_ok"). Static storage.
[[nodiscard]] std::string_view NameOf(Outcome outcome) noexcept;

// Reason is one thing that bore on a verdict. A verdict can have several.
enum class Reason : std::uint8_t {
  kNoPinMatched,      // paths verified, but no certificate in them carries a pin of the rule in its
                      // place
  kCaPinMissing,      // require = "leaf+ca": the leaf matched, no CA of that path did
  kLeafPinMissing,    // require = "leaf+ca": a CA matched, the leaf of that path did not
  kBackupPinMatched,  // the pin that matched is a backup
  kRetiringPinMatched,  // the pin that matched is being retired
  kRevokedKeyInPath,    // a path was passed over, because it holds a revoked key
  kLocalAnchor,     // a path was passed over, because local_anchors = "refuse" and its root is not
                    // public
  kRuleExpired,     // the rule or the policy is past its expiry
  kReportMode,      // the rule only reports
  kRuleOff,         // the rule leaves the host out
  kUnlisted,        // no rule names the host
  kOtherPortsOnly,  // the host is ruled, on other ports
  kSearchBoundReached,  // there were more candidate paths than the limit
  kOtherPathsUntried,   // only the default path was given: an adapter asks again with all of them
  kNoVerifiedPath,      // no path was given
  kPolicyDamaged,       // the compiled policy contradicts itself
  kCertDigestMissing,   // a rule needs certificate digests that the path did not bring
  kInspectionCa,        // no pin matched, but the path goes through a CA that may inspect here
  kRuleSuspended,       // an emergency statement has the rule report for a time
};

// CodeOf is the stable code of `reason`.
[[nodiscard]] Code CodeOf(Reason reason) noexcept;

// ReasonSet is a set of reasons. A value of four bytes.
class ReasonSet {
 public:
  constexpr void Add(Reason reason) noexcept { bits_ |= Bit(reason); }
  [[nodiscard]] constexpr bool Has(Reason reason) const noexcept {
    return (bits_ & Bit(reason)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }

  // List is the reasons in the order of the enum. Allocates.
  [[nodiscard]] std::vector<Reason> List() const;

  friend constexpr bool operator==(ReasonSet, ReasonSet) = default;

 private:
  static constexpr std::uint32_t Bit(Reason reason) noexcept {
    return std::uint32_t{1} << static_cast<unsigned>(reason);
  }

  std::uint32_t bits_ = 0;
};

// PinMatch says which pin matched, and where.
struct PinMatch {
  Pin pin;
  std::size_t pin_index = 0;   // in the rule, from 0
  std::size_t path_index = 0;  // in the span given to Evaluate; 0 is the default path
  std::size_t cert_index = 0;  // in that path; 0 is the leaf
};

// How the search for paths ended.
enum class SearchEnd : std::uint8_t {
  kDefaultOnly,   // only the TLS library's own path was looked at so far
  kComplete,      // every path was tried
  kBoundReached,  // the search gave up at its bound
};

// Verdict is the answer for one connection.
struct Verdict {
  Outcome outcome = Outcome::kPkiError;
  ReasonSet reasons;
  std::optional<CompiledRule> rule;  // the rule that applied; borrows from the policy
  std::optional<PinMatch> match;     // the pin that satisfied the rule (with "leaf+ca", the leaf's)

  // allowed reports whether the connection may go on. True for kPinnedOk, kReported and kNotPinned
  // alone.
  [[nodiscard]] bool allowed() const noexcept;

  // code is what best explains the verdict, nullopt where it is an untroubled yes.
  [[nodiscard]] std::optional<Code> code() const noexcept;
};

// Evaluate judges one connection to `endpoint` at `now`. `paths` are all verified paths that were
// found, the default one first; `end` says whether there could be more. A verdict with
// kOtherPathsUntried may change when the adapter has searched, so it asks again; every other
// verdict is final. Thread-safe.
[[nodiscard]] Verdict Evaluate(const PolicyIndex& policy, const Endpoint& endpoint,
                               std::span<const VerifiedPath> paths, SearchEnd end,
                               Time now) noexcept;

// FoundPins is the SPKI digests of the default path, leaf first: what an error shows as found.
// Allocates.
[[nodiscard]] std::vector<Digest> FoundPins(std::span<const VerifiedPath> paths);

// BadPinMessage is the text of every pin error, exactly "bad ssl pin detected, found pins: [PIN PIN
// ...]", each pin as FormatPin writes it. Allocates.
[[nodiscard]] std::string BadPinMessage(std::span<const Digest> found);

}  // namespace cotter
