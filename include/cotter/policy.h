// SPDX-License-Identifier: Apache-2.0
//
// The policy as people wrote it: the model that the policy file reads into and that tools edit.
// Plain data; it is checked as a whole when PolicyIndex::Build compiles it
// (<cotter/policy_index.h>), and only the compiled form decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/time.h>

namespace cotter {

// People write policies of at most this many rules; a larger one is refused (kPolicyTooLarge).
inline constexpr std::size_t kMaxPolicyRules = 100'000;

// Pins of one rule. Real pin sets have 2 to 20; the bound keeps one rule from making every
// handshake slow.
inline constexpr std::size_t kMaxPinsPerRule = 256;

enum class Mode : std::uint8_t {
  kEnforce,  // a mismatch ends the handshake
  kReport,   // a mismatch is told and let through
  kOff,      // the host is left out
};

enum class Require : std::uint8_t {
  kAny,        // one pin matches
  kLeafAndCa,  // one pin matches the leaf, and one matches a CA of the same path
};

enum class OnExpiry : std::uint8_t {
  kEnforce,  // pins still decide; the verdict says that they are expired
  kReport,   // a mismatch is told and let through
  kPki,      // pins no longer take part
};

enum class LocalAnchors : std::uint8_t {
  kEnforce,  // pins decide for locally added roots too
  kRefuse,   // a path must end at a public root
};

// What becomes of hosts that no rule names.
enum class Unlisted : std::uint8_t {
  kPki,     // PKI decides alone
  kRefuse,  // no connection
};

// PolicyPin is a pin of a rule, with the words people attached to it.
struct PolicyPin {
  Pin pin;
  std::string label;

  friend bool operator==(const PolicyPin&, const PolicyPin&) = default;
};

// HostRule is one [[host]] of the policy.
struct HostRule {
  HostPattern pattern;
  std::vector<std::uint16_t> ports{};  // empty: every port
  Mode mode = Mode::kEnforce;
  Require require = Require::kAny;
  LocalAnchors local_anchors = LocalAnchors::kEnforce;
  OnExpiry on_expiry = OnExpiry::kEnforce;
  std::optional<Time> expires{};
  std::vector<PolicyPin> pins{};

  // For people and for lint; never part of a decision.
  std::string owner{};
  std::vector<std::string> tags{};
  std::optional<Time> updated{};
  std::string reason{};
  std::optional<Time> review{};
  std::uint32_t line = 0;  // where the rule stands in its file, from 1; 0: not read from one
};

// Policy is host rules, their pin sets, modes and dates.
struct Policy {
  std::string name;
  std::string environment;      // "development", "staging", "production", or empty
  std::uint64_t version = 0;    // grows by one a release
  std::optional<Time> expires;  // acts as the earliest expiry of every rule
  Unlisted unlisted = Unlisted::kPki;
  bool partial_chain = false;  // a trusted certificate that is not self-signed may end a path
  std::vector<HostRule> hosts;
  std::vector<Digest> revoked;  // SPKI digests, for the whole policy
};

}  // namespace cotter
