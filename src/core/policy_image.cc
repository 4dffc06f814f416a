// SPDX-License-Identifier: Apache-2.0
#include "core/policy_image.h"

#include <array>

namespace cotter::image {

Layout::Layout(const Header& header) noexcept
    : slots(sizeof(Header)),
      nodes(slots + std::uint64_t{header.slot_count} * sizeof(Slot)),
      rules(nodes + std::uint64_t{header.node_count} * sizeof(Node)),
      pins(rules + std::uint64_t{header.rule_count} * sizeof(Rule)),
      ports(pins + std::uint64_t{header.pin_count} * sizeof(PinRecord)),
      revoked(ports + std::uint64_t{header.port_count} * sizeof(std::uint16_t)),
      text(revoked + std::uint64_t{header.revoked_count} * 32),
      end(text + header.text_size) {}

std::uint64_t HashOf(std::string_view name) noexcept {
  SuffixHash hash;
  for (auto c = name.rbegin(); c != name.rend(); ++c) hash.Add(*c);
  return hash.value();
}

std::uint64_t Checksum(ByteView bytes) noexcept {
  // Four independent lanes, so that the multiplications overlap: the image is read at the speed of
  // memory.
  constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15U;
  constexpr std::size_t kStep = 32;
  std::array<std::uint64_t, 4> lanes = {1, 2, 3, 4};
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kStep; at += kStep, left -= kStep) {
    for (std::size_t i = 0; i < 4; ++i) {
      lanes[i] = (lanes[i] ^ Load<std::uint64_t>(at + 8 * i)) * kPrime;
      lanes[i] ^= lanes[i] >> 31;
    }
  }
  std::uint64_t sum = bytes.size();
  for (std::size_t i = 0; i < left; ++i) sum = (sum ^ at[i]) * kPrime;
  for (const std::uint64_t lane : lanes) {
    sum = (sum ^ lane) * kPrime;
    sum ^= sum >> 32;
  }
  return sum;
}

}  // namespace cotter::image
