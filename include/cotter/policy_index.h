// SPDX-License-Identifier: Apache-2.0
//
// The compiled policy: one flat image that answers "which rule applies to this host and port" in a
// few probes, and that is also the cache file later starts read. Immutable after Build or Open;
// const members may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cotter/bytes.h>
#include <cotter/host.h>
#include <cotter/pin.h>
#include <cotter/policy.h>
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter {

class PolicyIndex;

// CompiledRule is one rule inside an index. A small view, copied freely; it borrows from the index.
class CompiledRule {
 public:
  [[nodiscard]] std::uint32_t source() const noexcept {
    return source_;
  }  // position in Policy::hosts
  [[nodiscard]] Mode mode() const noexcept { return mode_; }
  [[nodiscard]] Require require() const noexcept { return require_; }
  [[nodiscard]] LocalAnchors local_anchors() const noexcept { return local_anchors_; }
  [[nodiscard]] OnExpiry on_expiry() const noexcept { return on_expiry_; }

  // expires is the earlier of the rule's expiry and the policy's.
  [[nodiscard]] std::optional<Time> expires() const noexcept { return expires_; }

  [[nodiscard]] std::size_t pin_count() const noexcept { return pin_count_; }
  [[nodiscard]] Pin pin(std::size_t index) const noexcept;  // index < pin_count()

  // pin_until is when the pin `index`, which an emergency statement added, ends to count; nullopt
  // for the rule's own pins.
  [[nodiscard]] std::optional<Time> pin_until(std::size_t index) const noexcept;

  // suspended_until is when the rule enforces again, that an emergency statement has reporting;
  // nullopt for no such statement. suspension is its id, borrowed from the index; else empty.
  [[nodiscard]] std::optional<Time> suspended_until() const noexcept { return suspended_until_; }
  [[nodiscard]] std::string_view suspension() const noexcept { return suspension_; }

  // needs_cert_digests reports that a pin of the rule is over whole certificates, so that paths
  // must bring those too.
  [[nodiscard]] bool needs_cert_digests() const noexcept { return needs_cert_digests_; }

  // pattern is the rule's host pattern as HostPattern::ToString writes it. Allocates.
  [[nodiscard]] std::string pattern() const;

 private:
  friend class PolicyIndex;

  const std::uint8_t* digests_ = nullptr;
  const std::uint8_t* traits_ = nullptr;
  const std::uint8_t* temporary_ = nullptr;
  std::string_view base_;
  std::string_view suspension_;
  std::optional<Time> expires_;
  std::optional<Time> suspended_until_;
  std::uint32_t temporary_count_ = 0;
  std::uint32_t first_pin_ = 0;
  std::uint32_t source_ = 0;
  std::uint32_t pin_count_ = 0;
  HostPattern::Kind pattern_kind_ = HostPattern::Kind::kExact;
  Mode mode_ = Mode::kEnforce;
  Require require_ = Require::kAny;
  LocalAnchors local_anchors_ = LocalAnchors::kEnforce;
  OnExpiry on_expiry_ = OnExpiry::kEnforce;
  bool needs_cert_digests_ = false;
};

// Lookup is the answer to "which rule applies".
struct Lookup {
  enum class Kind : std::uint8_t {
    kRule,        // `rule` applies
    kUnlisted,    // no pattern matches the host
    kOtherPorts,  // patterns match, but none of their rules covers the port
    kDamaged,     // the image contradicts itself: undecidable, so refused
  };
  Kind kind = Kind::kUnlisted;
  CompiledRule rule;  // meaningful if kind is kRule
};

// PolicyFault is what makes a policy unusable as a whole.
struct PolicyFault {
  Error error;
  std::optional<std::size_t> host{};  // the rule in Policy::hosts that has it, where it is one rule
};

// FindFault is the first fault of `policy`, nullopt where it can be compiled: kPolicyDuplicate (two
// rules with one pattern and port), kPolicyNoUsablePin (a rule in enforce or report mode with no
// pin that could match), kPortInvalid, kPolicyTooLarge, kPolicyInvalid (pin sets that do not add
// up or were not resolved, inspection CAs outside development, emergency statements without an end
// or a rule). A rule whose last usable pin an emergency statement revoked is no fault: it refuses.
[[nodiscard]] std::optional<PolicyFault> FindFault(const Policy& policy);

// PolicyIndex is a compiled policy.
class PolicyIndex {
 public:
  // Build checks `policy` as a whole (FindFault) and compiles it. Fails with the fault's error.
  [[nodiscard]] static Result<PolicyIndex> Build(const Policy& policy);

  // Open takes an image that Build made, as it stands in a cache file. `owner` keeps `image` alive
  // and unchanging; a mapping of a file that others can write is not that. A checksum over its
  // head and its keys is compared here, and one over each name and rule when a look-up comes by it,
  // so a damaged image is refused or undecidable, and never read past. Takes no longer for many
  // rules than for one. Fails with kCacheInvalid. Allocates nothing when it succeeds.
  [[nodiscard]] static Result<PolicyIndex> Open(ByteView image, std::shared_ptr<const void> owner);

  // image is the flat form, to be written to a cache file. Borrowed.
  [[nodiscard]] ByteView image() const noexcept COTTER_LIFETIME_BOUND { return image_; }

  // Find answers which rule applies to `host` and `port` (DESIGN rule 4): the longest matching
  // suffix wins; at one suffix exact beats one label beats all depths; a rule that names the port
  // beats one for all ports. Does not allocate.
  [[nodiscard]] Lookup Find(const HostName& host, std::uint16_t port) const noexcept;

  // PortsOf is every port that a rule names whose pattern covers `host`, ascending: for callers
  // that know the host of a connection and not its port. Allocates.
  [[nodiscard]] std::vector<std::uint16_t> PortsOf(const HostName& host) const;

  // IsRevoked reports whether `spki` is a revoked key of this policy.
  [[nodiscard]] bool IsRevoked(const Digest& spki) const noexcept;

  // IsInspectionCa reports whether `spki` is the key of a local CA that may inspect TLS here.
  [[nodiscard]] bool IsInspectionCa(const Digest& spki) const noexcept;

  // has_revocations reports whether there is any such key.
  [[nodiscard]] bool has_revocations() const noexcept;

  // NextEnd is the earliest end of an emergency statement after `now`; nullopt for none.
  [[nodiscard]] std::optional<Time> NextEnd(Time now) const noexcept;

  // EndedBy is this policy with every emergency statement that ends at `time` or before ended for
  // good, whatever a clock says later. Allocates.
  [[nodiscard]] PolicyIndex EndedBy(Time time) const;

  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] std::string_view environment() const noexcept;
  [[nodiscard]] std::uint64_t version() const noexcept;
  [[nodiscard]] std::uint64_t revision() const noexcept;
  [[nodiscard]] Unlisted unlisted() const noexcept;
  [[nodiscard]] bool partial_chain() const noexcept;
  [[nodiscard]] std::size_t rule_count() const noexcept;

 private:
  PolicyIndex() = default;

  // MakeRule is a rule of the image as a view. The record's type is private to the implementation.
  template <typename Record>
  [[nodiscard]] CompiledRule MakeRule(const Record& record, HostPattern::Kind kind,
                                      std::string_view base) const noexcept;

  ByteView image_;
  std::shared_ptr<const void> owner_;
};

}  // namespace cotter
