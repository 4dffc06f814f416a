// SPDX-License-Identifier: Apache-2.0
//
// The policy as people wrote it: the model that the policy file reads into and that tools edit.
// Plain data; it is checked as a whole when PolicyIndex::Build compiles it
// (<cotter/policy_index.h>), and only the compiled form decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter {

// People write policies of at most this many rules; a larger one is refused (kPolicyTooLarge).
inline constexpr std::size_t kMaxPolicyRules = 100'000;

// Pins of one rule. Real pin sets have 2 to 20; the bound keeps one rule from making every
// handshake slow.
inline constexpr std::size_t kMaxPinsPerRule = 256;

// Pins of a whole policy, each counted once a rule that holds it: shared pin sets let a small file
// ask for many, and ten a rule for the largest policy is more than anybody wrote.
inline constexpr std::size_t kMaxPolicyPins = 1'000'000;

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

// Shared pin sets of a policy, and sets that one rule or set may extend. People keep a handful; the
// product bounds what a file can make us expand.
inline constexpr std::size_t kMaxPinSets = 1000;
inline constexpr std::size_t kMaxExtends = 16;

// PolicyPin is a pin of a rule, with the words people attached to it.
struct PolicyPin {
  Pin pin;
  std::string label{};
  std::string set{};  // the pin set that it came from; empty where the rule names it itself

  friend bool operator==(const PolicyPin&, const PolicyPin&) = default;
};

// PinSet is one [[pin_set]]: pins that several rules, or other sets, extend.
struct PinSet {
  std::string name;
  std::vector<std::string> extends{};
  std::vector<PolicyPin> pins{};  // its own; what it extends is added where a rule uses it
  std::uint32_t line = 0;
};

// Change is one entry of a rule's history.
struct Change {
  Time date;
  std::string reason;
  std::string by{};
};

// ChangeWindow is a time of the week, UTC, in which a rule's server may be changed.
struct ChangeWindow {
  std::uint8_t weekday = 0;  // 0 Sunday to 6 Saturday, of the beginning
  std::uint16_t begin = 0;   // minutes after midnight
  std::uint16_t end = 0;     // the same; not after `begin` where it lies on the next day

  friend bool operator==(const ChangeWindow&, const ChangeWindow&) = default;
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
  std::vector<PolicyPin> pins{};       // its own first, then those of `extends` (ResolvePinSets)
  std::vector<std::string> extends{};  // names of pin sets

  // For people and for lint; never part of a decision.
  std::string owner{};
  std::vector<std::string> tags{};
  std::optional<Time> updated{};
  std::string reason{};
  std::optional<Time> review{};
  std::vector<Change> history{};
  std::vector<ChangeWindow> change_windows{};  // empty: the policy's
  std::uint32_t line = 0;  // where the rule stands in its file, from 1; 0: not read from one
};

// InspectionCa is a local CA that may inspect TLS in a development policy: a debugging proxy. A
// verified path through it is let through on any rule that takes local anchors.
struct InspectionCa {
  std::string name;
  Digest spki;
  std::uint32_t line = 0;
};

// What a host handles, the most delicate kind of it.
enum class DataClass : std::uint8_t { kPublic, kInternal, kPersonal, kFinancial, kHealth };

// Who reaches a host.
enum class Exposure : std::uint8_t { kPublic, kPartner, kVpn, kInternal };

// InventoryEntry is one [[inventory]]: a fact about a host, whether it is pinned or not.
struct InventoryEntry {
  HostPattern host;
  std::string owner{};
  std::optional<DataClass> data_class{};
  std::vector<std::string> tags{};
  std::string partner{};
  std::optional<Exposure> exposure{};
  std::optional<Time> review{};
  std::uint32_t line = 0;
};

// Delegate is one [[delegate]]: a team whose own file adds rules to this policy, for the hosts that
// it may speak for and no others.
struct Delegate {
  std::string name;
  std::string target;  // the file's path in the signed repository
  std::vector<HostPattern> hosts{};
  std::uint32_t line = 0;
};

// Emergency statements that are in force at once; more would be a policy of their own.
inline constexpr std::size_t kMaxEmergencyStatements = 32;

// Rules that one emergency statement names.
inline constexpr std::size_t kMaxEmergencyRules = 64;

// What an emergency statement does. PKI is enforced under each of them.
enum class EmergencyKind : std::uint8_t {
  kSuspend,  // the named rules report in place of enforcing
  kRevoke,   // a key is distrusted: no path that holds it is taken, whatever else is said
  kAddPin,   // the named rules have one pin more
};

// RuleName names rules of a policy: those of a pattern, or the one of them that names the port.
struct RuleName {
  HostPattern pattern;
  std::optional<std::uint16_t> port{};

  friend bool operator==(const RuleName&, const RuleName&) = default;
};

// EmergencyStatement is one [[emergency]]: what enough approvers said, beside the policy, for a
// time. Clients write it into the policy that is in force when they have verified it; it ends
// there by itself.
struct EmergencyStatement {
  EmergencyKind kind = EmergencyKind::kSuspend;
  std::string id;
  std::vector<RuleName> rules{};  // of kSuspend and kAddPin
  Pin pin{};                      // of kAddPin; of kRevoke the digest of the key
  std::optional<Time> until{};    // it is in force before; always there but for kRevoke
  std::string reason{};
  std::string ticket{};
  std::uint32_t line = 0;
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
  std::vector<PinSet> pin_sets{};
  std::vector<InspectionCa> inspection_cas{};  // in "development" alone

  // Of the policy as a client has it in force: the emergency statements, and a number that grows
  // when they change while the version stays.
  std::vector<EmergencyStatement> emergency{};
  std::uint64_t revision = 0;

  std::vector<Delegate> delegates{};

  // For people, for lint and for gates; never part of a decision.
  std::vector<ChangeWindow> change_windows{};
  std::vector<InventoryEntry> inventory{};
};

// ResolvePinSets brings every rule's `pins` up to date with its `extends`: pins that came from sets
// are dropped, and those of the sets, and of what these extend, are added behind the rule's own,
// each digest that the rule does not hold in the same place and kind once. Whoever changes
// `pin_sets` or `extends` calls it; PolicyIndex::Build refuses a policy where it was forgotten.
// Fails with kPolicyInvalid (a set that is not there, twice there, or extends itself) or
// kPolicyTooLarge, and leaves `policy` half done.
[[nodiscard]] Result<void> ResolvePinSets(Policy& policy);

// PinsOf is the pins that `rule` should have: its own, then those of the sets it extends. Fails as
// ResolvePinSets does.
[[nodiscard]] Result<std::vector<PolicyPin>> PinsOf(const Policy& policy, const HostRule& rule);

// Names reports whether `name` is a name of `rule`. Pure.
[[nodiscard]] bool Names(const RuleName& name, const HostRule& rule) noexcept;

}  // namespace cotter
