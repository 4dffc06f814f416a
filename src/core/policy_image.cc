// SPDX-License-Identifier: Apache-2.0
#include "core/policy_image.h"

#include <array>

namespace cotter::image {
namespace {

constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15U;

constexpr std::uint64_t Mix(std::uint64_t state, std::uint64_t word) noexcept {
  state = (state ^ word) * kPrime;
  return state ^ state >> 29;
}

// LoadFew is the last `size` bytes, 1 to 8, before `end` as a number.
std::uint64_t LoadFew(const char* end, std::size_t size) noexcept {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(end) - size;
  if (size == 8) return Load<std::uint64_t>(bytes);
  if (size >= 4) {
    return std::uint64_t{Load<std::uint32_t>(bytes)} << 32 | Load<std::uint32_t>(bytes + size - 4);
  }
  return std::uint64_t{bytes[0]} << 16 | std::uint64_t{bytes[size / 2]} << 8 | bytes[size - 1];
}

// Add mixes `bytes` into `state`, in four lanes, so that the multiplications overlap.
std::uint64_t Add(std::uint64_t state, ByteView bytes) noexcept {
  constexpr std::size_t kStep = 32;
  std::array<std::uint64_t, 4> lanes = {state, state + 1, state + 2, state + 3};
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kStep; at += kStep, left -= kStep) {
    for (std::size_t i = 0; i < 4; ++i) lanes[i] = Mix(lanes[i], Load<std::uint64_t>(at + 8 * i));
  }
  std::uint64_t sum = bytes.size();
  for (std::size_t i = 0; i < left; ++i) sum = Mix(sum, at[i]);
  for (const std::uint64_t lane : lanes) sum = Mix(sum, lane);
  return sum;
}

std::uint32_t Fold(std::uint64_t sum) noexcept {
  return static_cast<std::uint32_t>(sum ^ sum >> 32);
}

}  // namespace

void SuffixHash::AddLabel(std::string_view label) noexcept {
  // The length tells "a.b" from "ab" and short loads from long ones.
  state_ += label.size();
  const char* end = label.data() + label.size();
  std::size_t left = label.size();
  for (; left > 8; left -= 8, end -= 8) state_ = Mix(state_, LoadFew(end, 8));
  if (left != 0) state_ = Mix(state_, LoadFew(end, left));
}

std::uint64_t HashOf(std::string_view name) noexcept {
  SuffixHash hash;
  while (true) {
    const std::size_t dot = name.rfind('.');
    hash.AddLabel(name.substr(dot + 1));  // npos + 1 is 0: the first label
    if (dot == std::string_view::npos) return hash.value();
    name = name.substr(0, dot);
  }
}

std::uint64_t IndexChecksum(ByteView image, const Layout& layout) noexcept {
  const std::uint64_t sum = Add(0, image.subspan(kChecksumEnd, layout.slots - kChecksumEnd));
  return Add(sum, image.subspan(layout.revoked, layout.text - layout.revoked));
}

std::uint32_t RuleChecksum(Rule rule, const std::uint8_t* image, const Layout& layout) noexcept {
  // On the way of every connection, so it takes the rule and each digest as four words in four
  // lanes whose multiplications overlap.
  rule.checksum = 0;
  std::array<std::uint64_t, 4> words;
  std::memcpy(words.data(), &rule, sizeof rule);
  auto [a, b, c, d] = words;
  const std::uint8_t* digest = image + layout.digests + std::uint64_t{rule.first_pin} * 32;
  const std::uint8_t* traits = image + layout.traits + rule.first_pin;
  for (std::size_t pin = 0; pin < rule.pin_count; ++pin, digest += 32) {
    a = Mix(a, Load<std::uint64_t>(digest) + traits[pin]);
    b = Mix(b, Load<std::uint64_t>(digest + 8));
    c = Mix(c, Load<std::uint64_t>(digest + 16));
    d = Mix(d, Load<std::uint64_t>(digest + 24));
  }
  const std::uint8_t* port = image + layout.ports + std::uint64_t{rule.first_port} * 2;
  for (std::size_t i = 0; i < rule.port_count; ++i, port += 2) {
    a = Mix(a, Load<std::uint16_t>(port));
  }
  return Fold(Mix(Mix(a, b), Mix(c, d)));
}

std::uint32_t TextChecksum(std::string_view text) noexcept { return Fold(Add(0, AsBytes(text))); }

}  // namespace cotter::image
