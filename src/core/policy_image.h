// SPDX-License-Identifier: Apache-2.0
//
// The flat image of a compiled policy, byte by byte: what PolicyIndex::Build writes and what
// look-ups read. All numbers are little-endian and may stand at any offset. The sections follow the
// header in this order:
//
//   slots       open addressing over the hash of a pattern's base: the name and its rules
//   rules       one each, those of a base together, by pattern kind
//   digests     of the pins, 32 bytes each
//   traits      of the pins, one byte each: kind, place and use
//   ports       2 bytes each, ascending within a rule
//   revoked     32 bytes each, ascending
//   inspection  the keys of inspection CAs, 32 bytes each, ascending
//   temporary   what emergency statements suspend and add, with its end
//   text        names, not terminated
//
// Accidental damage is found where it could matter, so that opening touches as little of a large
// policy as a look-up does: a checksum over header, keys and temporary entries is compared when it
// is opened, one over a slot when a search comes by it, and one over a rule with its pins and ports
// when it is looked up. A name is checked by the hash that led to it. Bounds are checked at each
// use all the same, so that a forged image can at worst decide wrongly for whoever trusted it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <cotter/bytes.h>

namespace cotter::image {

static_assert(std::endian::native == std::endian::little,
              "the image is read in place, and its numbers are little-endian");

// "COTCOLP4"; any other layout gets another.
inline constexpr std::uint64_t kMagic = 0x34504C4F43544F43;
inline constexpr std::uint32_t kUnlistedRefuse = 1;
inline constexpr std::uint32_t kPartialChain = 2;

struct Header {
  std::uint64_t magic;
  std::uint64_t checksum;  // IndexChecksum
  std::uint64_t size;      // of the whole image
  std::uint64_t policy_version;
  std::uint32_t flags;
  std::uint32_t slot_count;  // a power of two
  std::uint32_t rule_count;
  std::uint32_t pin_count;
  std::uint32_t port_count;
  std::uint32_t revoked_count;
  std::uint32_t text_size;
  std::uint32_t name_size;         // the policy's name is at the front of the text,
  std::uint32_t environment_size;  // its environment behind it
  std::uint32_t text_checksum;     // of these two
  std::uint32_t inspection_count;
  std::uint32_t temporary_count;
  std::uint64_t policy_revision;
};
static_assert(sizeof(Header) == 88);

inline constexpr std::size_t kChecksumEnd = 16;  // where what it covers begins

// Slot is empty where text_size is 0: no pattern has an empty base. An empty one has a checksum
// too, because it is an answer: there is no such name.
struct Slot {
  std::uint64_t checksum;  // SlotChecksum
  std::uint64_t hash;
  std::uint32_t first_rule;
  std::uint32_t text_offset;
  std::uint16_t text_size;
  std::uint16_t count[3];  // rules by HostPattern::Kind
};
static_assert(sizeof(Slot) == 32);

inline constexpr std::uint8_t kHasExpiry = 1;
inline constexpr std::uint8_t kNeedsCertDigests = 2;

struct Rule {
  std::int64_t expires;
  std::uint32_t checksum;  // RuleChecksum
  std::uint32_t source;
  std::uint32_t first_pin;
  std::uint32_t first_port;
  std::uint16_t pin_count;
  std::uint16_t port_count;
  std::uint8_t flags;
  std::uint8_t mode_and_expiry;      // mode in the low half, on_expiry in the high one
  std::uint8_t require_and_anchors;  // the same of require and local_anchors
  std::uint8_t unused;
};
static_assert(sizeof(Rule) == 32);

// What a Temporary is about.
inline constexpr std::uint32_t kSuspendedRule = 0;  // its `source`
inline constexpr std::uint32_t kAddedPin = 1;       // its place among the digests

struct Temporary {
  std::int64_t until;
  std::uint32_t kind;
  std::uint32_t subject;
  std::uint32_t text_offset;  // of the statement's id
  std::uint32_t text_size;
};
static_assert(sizeof(Temporary) == 24);

constexpr std::uint8_t Halves(unsigned low, unsigned high) {
  return static_cast<std::uint8_t>(low | high << 4);
}

// A pin's traits: kind in bit 0, place in bits 1 and 2, use in bits 3 to 5; bit 6 has one that an
// emergency statement added.
inline constexpr std::uint8_t kTemporaryPin = 1U << 6;
constexpr std::uint8_t Traits(unsigned kind, unsigned place, unsigned use) {
  return static_cast<std::uint8_t>(kind | place << 1 | use << 3);
}

// Load reads a T at `at`, which need not be aligned.
template <typename T>
T Load(const std::uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Layout is where each section of an image begins. Sections lie inside it where `end` is its size.
struct Layout {
  explicit Layout(const Header& header) noexcept
      : slots(sizeof(Header)),
        rules(slots + std::uint64_t{header.slot_count} * sizeof(Slot)),
        digests(rules + std::uint64_t{header.rule_count} * sizeof(Rule)),
        traits(digests + std::uint64_t{header.pin_count} * 32),
        ports(traits + header.pin_count),
        revoked(ports + std::uint64_t{header.port_count} * sizeof(std::uint16_t)),
        inspection(revoked + std::uint64_t{header.revoked_count} * 32),
        temporary(inspection + std::uint64_t{header.inspection_count} * 32),
        text(temporary + std::uint64_t{header.temporary_count} * sizeof(Temporary)),
        end(text + header.text_size) {}

  std::uint64_t slots;
  std::uint64_t rules;
  std::uint64_t digests;
  std::uint64_t traits;
  std::uint64_t ports;
  std::uint64_t revoked;
  std::uint64_t inspection;
  std::uint64_t temporary;
  std::uint64_t text;
  std::uint64_t end;
};

// SuffixHash is the hash of a name, fed label by label from its end to its front, so that one walk
// gives that of every suffix.
class SuffixHash {
 public:
  void AddLabel(std::string_view label) noexcept;
  [[nodiscard]] std::uint64_t value() const noexcept { return state_ ^ state_ >> 32; }

 private:
  std::uint64_t state_ = 0x243F6A8885A308D3U;
};

// HashOf is the SuffixHash of a whole name.
[[nodiscard]] std::uint64_t HashOf(std::string_view name) noexcept;

// IndexChecksum covers the header behind the checksum, the revoked and inspection keys and the
// temporary entries of `image`, whose layout is sound.
[[nodiscard]] std::uint64_t IndexChecksum(ByteView image, const Layout& layout) noexcept;

// SlotChecksum covers `slot` but for its checksum, and that it is the slot `index`. A run of zeros
// is no slot. Every search computes a few: so it is here, and its multiplications do not wait for
// each other. Odd factors make each a bijection, so no change of one word is missed.
[[nodiscard]] inline std::uint64_t SlotChecksum(const Slot& slot, std::uint64_t index) noexcept {
  std::array<std::uint64_t, sizeof(Slot) / 8> words;
  std::memcpy(words.data(), &slot, sizeof slot);
  return words[1] * 0x9E3779B97F4A7C15U + words[2] * 0xC2B2AE3D27D4EB4FU +
         words[3] * 0x165667B19E3779F9U + (index + 1) * 0xD6E8FEB86659FD93U;
}

// RuleChecksum covers `rule` but for its checksum, and its pins and ports, which are inside
// `image`.
[[nodiscard]] std::uint32_t RuleChecksum(Rule rule, const std::uint8_t* image,
                                         const Layout& layout) noexcept;

// TextChecksum covers a short text.
[[nodiscard]] std::uint32_t TextChecksum(std::string_view text) noexcept;

}  // namespace cotter::image
