// SPDX-License-Identifier: Apache-2.0
//
// The flat image of a compiled policy, byte by byte: what PolicyIndex::Build writes and what
// look-ups read. All numbers are little-endian and may stand at any offset. The sections follow the
// header in the order of its counts:
//
//   slots    open addressing over the hash of a pattern's base; 8 bytes: tag, node number + 1 (0:
//   empty) nodes    one base name and the rules of its three pattern kinds rules    one each, those
//   of a node together pins     36 bytes: digest, kind, place, use, 0 ports    2 bytes each,
//   ascending within a rule revoked  32 bytes each, ascending text     names, not terminated
//
// A checksum over everything behind it finds accidents; bounds are checked at each use all
// the same, so that a forged image can at worst decide wrongly for whoever trusted it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <cotter/bytes.h>

namespace cotter::image {

static_assert(std::endian::native == std::endian::little,
              "the image is read in place, and its numbers are little-endian");

inline constexpr std::uint64_t kMagic =
    0x31504C4F43544F43;  // "COTCOLP1", and any other layout gets another
inline constexpr std::uint32_t kUnlistedRefuse = 1;
inline constexpr std::uint32_t kPartialChain = 2;

struct Header {
  std::uint64_t magic;
  std::uint64_t checksum;  // over all that follows it
  std::uint64_t size;  // of the whole image
  std::uint64_t policy_version;
  std::uint32_t flags;
  std::uint32_t slot_count;  // a power of two
  std::uint32_t node_count;
  std::uint32_t rule_count;
  std::uint32_t pin_count;
  std::uint32_t port_count;
  std::uint32_t revoked_count;
  std::uint32_t text_size;
  std::uint32_t name_size;         // the policy's name is at the front of the text,
  std::uint32_t environment_size;  // its environment behind it
};
static_assert(sizeof(Header) == 72);

inline constexpr std::size_t kChecksumEnd = 16;  // where what it covers begins

struct Slot {
  std::uint32_t tag;
  std::uint32_t node_plus_one;
};

struct Node {
  std::uint32_t text_offset;
  std::uint16_t text_size;
  std::uint16_t count[3];  // rules by HostPattern::Kind
  std::uint32_t first_rule;
};
static_assert(sizeof(Node) == 16);

inline constexpr std::uint8_t kHasExpiry = 1;
inline constexpr std::uint8_t kNeedsCertDigests = 2;

struct Rule {
  std::int64_t expires;
  std::uint32_t source;
  std::uint32_t first_pin;
  std::uint32_t first_port;
  std::uint16_t pin_count;
  std::uint16_t port_count;
  std::uint8_t mode;
  std::uint8_t require;
  std::uint8_t on_expiry;
  std::uint8_t local_anchors;
  std::uint8_t flags;
  std::uint8_t unused[3];
};
static_assert(sizeof(Rule) == 32);

struct PinRecord {
  std::uint8_t digest[32];
  std::uint8_t kind;
  std::uint8_t place;
  std::uint8_t use;
  std::uint8_t unused;
};
static_assert(sizeof(PinRecord) == 36);

// Load reads a T at `at`, which need not be aligned.
template <typename T>
T Load(const std::uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Layout is where each section of an image begins. All of them lie inside the image if `sound`.
struct Layout {
  explicit Layout(const Header& header) noexcept;

  std::uint64_t slots;
  std::uint64_t nodes;
  std::uint64_t rules;
  std::uint64_t pins;
  std::uint64_t ports;
  std::uint64_t revoked;
  std::uint64_t text;
  std::uint64_t end;
};

// SuffixHash is the hash of a name, taken from its end to its front, so that one walk gives that of
// every suffix.
class SuffixHash {
 public:
  constexpr void Add(char c) noexcept {
    state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x9E3779B97F4A7C15U;
    state_ ^= state_ >> 29;
  }
  [[nodiscard]] constexpr std::uint64_t value() const noexcept {
    return (state_ ^ state_ >> 32) * 0xD6E8FEB86659FD93U;
  }

 private:
  std::uint64_t state_ = 0x243F6A8885A308D3U;
};

// HashOf is the SuffixHash of a whole name.
[[nodiscard]] std::uint64_t HashOf(std::string_view name) noexcept;

// Checksum finds accidental damage; it is no signature.
[[nodiscard]] std::uint64_t Checksum(ByteView bytes) noexcept;

}  // namespace cotter::image
