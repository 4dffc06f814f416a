// SPDX-License-Identifier: Apache-2.0
//
// Target: PolicyIndex::Open, Find, IsRevoked and Evaluate over forged images. The checksums are
// mended, so that the fuzzer reaches what lies behind them. Property: no image makes a look-up read
// outside it, whatever its offsets say.
#include <cstring>

#include "core/policy_image.h"
#include "tests/core/fake_paths.h"
#include <cotter/evaluate.h>

namespace {

using namespace cotter;

Bytes SoundImage() {
  Policy policy;
  policy.name = "fuzz";
  policy.revoked = {testing::KeyDigest(9)};
  for (const char* pattern : {"a.example", "*.a.example", "**.example", "192.0.2.1"}) {
    HostRule rule{.pattern = *HostPattern::Parse(pattern)};
    rule.ports = {443, 8443};
    rule.expires = Time{1'800'000'000};
    rule.pins = {{.pin = {.digest = testing::KeyDigest(1)}, .label = ""},
                 {.pin = {.digest = testing::KeyDigest(2), .kind = PinKind::kCert}, .label = ""}};
    policy.hosts.push_back(std::move(rule));
  }
  const PolicyIndex index = *PolicyIndex::Build(policy);
  return {index.image().begin(), index.image().end()};
}

void MendChecksums(Bytes& bytes) {
  image::Header header = image::Load<image::Header>(bytes.data());
  header.magic = image::kMagic;
  header.size = bytes.size();
  const image::Layout layout(header);
  if (layout.end != bytes.size()) return;
  const std::uint64_t names = std::uint64_t{header.name_size} + header.environment_size;
  if (names > header.text_size) return;
  header.text_checksum = image::TextChecksum(AsText(ByteView(bytes).subspan(layout.text, names)));
  std::memcpy(bytes.data(), &header, sizeof header);
  for (std::uint32_t i = 0; i < header.slot_count; ++i) {
    std::uint8_t* at = bytes.data() + layout.slots + i * sizeof(image::Slot);
    auto slot = image::Load<image::Slot>(at);
    slot.checksum = image::SlotChecksum(slot, i);
    std::memcpy(at, &slot, sizeof slot);
  }
  for (std::uint32_t i = 0; i < header.rule_count; ++i) {
    std::uint8_t* at = bytes.data() + layout.rules + i * sizeof(image::Rule);
    auto rule = image::Load<image::Rule>(at);
    const bool inside = std::uint64_t{rule.first_pin} + rule.pin_count <= header.pin_count &&
                        std::uint64_t{rule.first_port} + rule.port_count <= header.port_count;
    if (!inside) continue;
    rule.checksum = image::RuleChecksum(rule, bytes.data(), layout);
    std::memcpy(at, &rule, sizeof rule);
  }
  header.checksum = image::IndexChecksum(bytes, layout);
  std::memcpy(bytes.data(), &header, sizeof header);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bytes sound = SoundImage();
  Bytes bytes = sound;
  for (std::size_t i = 0; i + 2 < size; i += 3) {
    bytes[static_cast<std::size_t>(data[i] << 8 | data[i + 1]) % bytes.size()] = data[i + 2];
  }
  MendChecksums(bytes);
  const Result<PolicyIndex> index = PolicyIndex::Open(bytes, nullptr);
  if (!index) return 0;
  const VerifiedPath path = testing::PathOf({1, 2, 3});
  for (const char* name : {"a", "a.example", "b.a.example", "192.0.2.1"}) {
    const Verdict verdict =
        Evaluate(*index, {*HostName::Parse(name), 443}, {&path, 1}, SearchEnd::kComplete, Time{0});
    if (verdict.rule) (void)verdict.rule->pattern();
  }
  return 0;
}
