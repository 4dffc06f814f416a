// SPDX-License-Identifier: Apache-2.0
//
// Looking things up in the flat image. Every offset that comes out of it is checked against its
// section before use.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "core/policy_image.h"
#include <cotter/policy_index.h>

namespace cotter {
namespace {

using image::Load;

// A name of 253 characters has at most 127 labels.
constexpr std::size_t kMaxLabels = 128;

// View is an image with its header read and its sections found.
struct View {
  explicit View(ByteView image) noexcept
      : bytes(image.data()), header(Load<image::Header>(image.data())), layout(header) {}

  [[nodiscard]] std::string_view Text(std::uint64_t offset, std::uint64_t size) const noexcept {
    if (offset + size > header.text_size) return {};
    return AsText(ByteView(bytes + layout.text + offset, size));
  }

  const std::uint8_t* bytes;
  image::Header header;
  image::Layout layout;
};

bool CoversPort(const View& view, const image::Rule& rule, std::uint16_t port) noexcept {
  const std::uint8_t* first = view.bytes + view.layout.ports + rule.first_port * std::uint64_t{2};
  for (std::size_t i = 0; i < rule.port_count; ++i) {
    if (Load<std::uint16_t>(first + 2 * i) == port) return true;
  }
  return false;
}

constexpr unsigned Low(std::uint8_t halves) { return halves & 15U; }
constexpr unsigned High(std::uint8_t halves) { return halves >> 4U; }

bool IsSound(const View& view, const image::Rule& rule) noexcept {
  return std::uint64_t{rule.first_pin} + rule.pin_count <= view.header.pin_count &&
         std::uint64_t{rule.first_port} + rule.port_count <= view.header.port_count &&
         Low(rule.mode_and_expiry) <= static_cast<unsigned>(Mode::kOff) &&
         High(rule.mode_and_expiry) <= static_cast<unsigned>(OnExpiry::kPki) &&
         Low(rule.require_and_anchors) <= static_cast<unsigned>(Require::kLeafAndCa) &&
         High(rule.require_and_anchors) <= static_cast<unsigned>(LocalAnchors::kRefuse) &&
         image::RuleChecksum(rule, view.bytes, view.layout) == rule.checksum;
}

enum class Found : std::uint8_t { kNothing, kOtherPorts, kRule, kDamaged };

// FindInKind chooses among the rules of one pattern: the one that names the port, else the one for
// every port.
Found FindInKind(const View& view, std::uint64_t first, std::uint64_t count, std::uint16_t port,
                 image::Rule& chosen) noexcept {
  if (count == 0) return Found::kNothing;
  if (first + count > view.header.rule_count) return Found::kDamaged;
  Found found = Found::kOtherPorts;
  for (std::uint64_t i = first; i < first + count; ++i) {
    const auto rule = Load<image::Rule>(view.bytes + view.layout.rules + i * sizeof(image::Rule));
    if (!IsSound(view, rule)) return Found::kDamaged;
    const bool names_port = rule.port_count != 0 && CoversPort(view, rule, port);
    if (names_port || rule.port_count == 0) {
      chosen = rule;
      found = Found::kRule;
    }
    if (names_port) break;
  }
  return found;
}

// AppendPorts appends the ports of the rules of one pattern. Damage adds none: Find will see it.
void AppendPorts(const View& view, std::uint64_t first, std::uint64_t count,
                 std::vector<std::uint16_t>& ports) {
  if (first + count > view.header.rule_count) return;
  for (std::uint64_t i = first; i < first + count; ++i) {
    const auto rule = Load<image::Rule>(view.bytes + view.layout.rules + i * sizeof(image::Rule));
    if (!IsSound(view, rule)) return;
    const std::uint8_t* const at =
        view.bytes + view.layout.ports + rule.first_port * std::uint64_t{2};
    for (std::size_t port = 0; port < rule.port_count; ++port) {
      ports.push_back(Load<std::uint16_t>(at + 2 * port));
    }
  }
}

struct BaseLookup {
  Found found = Found::kNothing;
  image::Slot slot{};
};

// FindBase probes for the base `name`.
BaseLookup FindBase(const View& view, std::string_view name, std::uint64_t hash) noexcept {
  const std::uint64_t mask = view.header.slot_count - 1;
  std::uint64_t at = hash & mask;
  for (std::uint32_t probes = 0; probes < view.header.slot_count; ++probes, at = (at + 1) & mask) {
    const auto slot = Load<image::Slot>(view.bytes + view.layout.slots + at * sizeof(image::Slot));
    if (image::SlotChecksum(slot, at) != slot.checksum) return {Found::kDamaged, {}};
    if (slot.text_size == 0) return {};
    if (slot.hash != hash) continue;
    // Two names of one 64-bit hash do not happen by chance, so another name there is damage.
    const bool same = view.Text(slot.text_offset, slot.text_size) == name;
    return {same ? Found::kRule : Found::kDamaged, slot};
  }
  return {Found::kDamaged, {}};  // a table without an empty slot was never built by us
}

// Suffix is one label boundary of a host: where the rest of the name begins, and its hash.
struct Suffix {
  std::size_t begin;
  std::uint64_t hash;
};

// Suffixes writes those of `name` from the shortest to the longest, and returns how many.
std::size_t Suffixes(std::string_view name, std::array<Suffix, kMaxLabels>& out) noexcept {
  image::SuffixHash hash;
  std::size_t count = 0;
  std::size_t end = name.size();
  for (std::size_t i = name.size(); i-- > 0 && count < kMaxLabels;) {
    if (i != 0 && name[i - 1] != '.') continue;
    hash.AddLabel(name.substr(i, end - i));
    out[count++] = {i, hash.value()};
    end = i == 0 ? 0 : i - 1;
  }
  return count;
}

// MayMatch reports whether patterns of `kind` whose base is `up` labels above the host cover it.
bool MayMatch(HostPattern::Kind kind, std::size_t up, const HostName& host) noexcept {
  switch (kind) {
    case HostPattern::Kind::kExact:
      return up == 0;
    case HostPattern::Kind::kOneLabel:
      return up == 1;
    case HostPattern::Kind::kAllDepths:
      return !host.is_ip();
  }
  return false;
}

// HoldsDigest searches `count` ascending digests.
bool HoldsDigest(const std::uint8_t* digests, std::uint32_t count, const Digest& wanted) noexcept {
  std::uint64_t low = 0;
  std::uint64_t high = count;
  while (low < high) {
    const std::uint64_t middle = (low + high) / 2;
    const int order = std::memcmp(digests + middle * kSha256Size, wanted.bytes.data(), kSha256Size);
    if (order == 0) return true;
    (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
  }
  return false;
}

// EntryAt is the temporary entry `index` of those at `first`.
image::Temporary EntryAt(const std::uint8_t* first, std::uint32_t index) noexcept {
  return Load<image::Temporary>(first + std::uint64_t{index} * sizeof(image::Temporary));
}

}  // namespace

Pin CompiledRule::pin(std::size_t index) const noexcept {
  COTTER_CHECK(index < pin_count_);
  const unsigned traits = traits_[index];
  Pin pin;
  std::memcpy(pin.digest.bytes.data(), digests_ + index * kSha256Size, kSha256Size);
  pin.kind = static_cast<PinKind>(traits & 1U);
  pin.place = static_cast<PinPlace>(traits >> 1 & 3U);
  pin.use = static_cast<PinUse>(traits >> 3 & 7U);
  return pin;
}

std::optional<Time> CompiledRule::pin_until(std::size_t index) const noexcept {
  COTTER_CHECK(index < pin_count_);
  if ((traits_[index] & image::kTemporaryPin) == 0) return std::nullopt;
  for (std::uint32_t i = 0; i < temporary_count_; ++i) {
    const image::Temporary entry = EntryAt(temporary_, i);
    if (entry.kind == image::kAddedPin && entry.subject == first_pin_ + index) {
      return Time{entry.until};
    }
  }
  return Time{std::numeric_limits<std::int64_t>::min()};  // without an end it has ended
}

std::string CompiledRule::pattern() const {
  constexpr std::array<std::string_view, 3> kPrefix = {"", "*.", "**."};
  return std::string(kPrefix[static_cast<std::size_t>(pattern_kind_)]) + std::string(base_);
}

Result<PolicyIndex> PolicyIndex::Open(ByteView bytes, std::shared_ptr<const void> owner) {
  const auto refuse = [](std::string why) { return Error{Code::kCacheInvalid, std::move(why)}; };
  if (bytes.size() < sizeof(image::Header)) return refuse("too short for a compiled policy");
  const View view(bytes);
  if (view.header.magic != image::kMagic) {
    return refuse("not a compiled policy of this version of cotter; compile it again");
  }
  const std::uint64_t names = std::uint64_t{view.header.name_size} + view.header.environment_size;
  const bool sound = view.header.size == bytes.size() && view.layout.end == bytes.size() &&
                     std::has_single_bit(view.header.slot_count) && names <= view.header.text_size;
  if (!sound) return refuse("a compiled policy that is cut short or overlong; compile it again");
  const bool intact = image::IndexChecksum(bytes, view.layout) == view.header.checksum &&
                      image::TextChecksum(view.Text(0, names)) == view.header.text_checksum;
  if (!intact) {
    return refuse("a compiled policy whose checksum does not match; compile it again");
  }
  PolicyIndex index;
  index.image_ = bytes;
  index.owner_ = std::move(owner);
  return index;
}

template <typename Record>
CompiledRule PolicyIndex::MakeRule(const Record& record, HostPattern::Kind kind,
                                   std::string_view base) const noexcept {
  const View view(image_);
  CompiledRule rule;
  rule.digests_ = view.bytes + view.layout.digests + std::uint64_t{record.first_pin} * kSha256Size;
  rule.traits_ = view.bytes + view.layout.traits + record.first_pin;
  rule.base_ = base;
  if ((record.flags & image::kHasExpiry) != 0) rule.expires_ = Time{record.expires};
  rule.source_ = record.source;
  rule.pin_count_ = record.pin_count;
  rule.pattern_kind_ = kind;
  rule.mode_ = static_cast<Mode>(Low(record.mode_and_expiry));
  rule.on_expiry_ = static_cast<OnExpiry>(High(record.mode_and_expiry));
  rule.require_ = static_cast<Require>(Low(record.require_and_anchors));
  rule.local_anchors_ = static_cast<LocalAnchors>(High(record.require_and_anchors));
  rule.needs_cert_digests_ = (record.flags & image::kNeedsCertDigests) != 0;
  rule.temporary_ = view.bytes + view.layout.temporary;
  rule.temporary_count_ = view.header.temporary_count;
  rule.first_pin_ = record.first_pin;
  for (std::uint32_t i = 0; i < rule.temporary_count_; ++i) {
    const image::Temporary entry = EntryAt(rule.temporary_, i);
    if (entry.kind != image::kSuspendedRule || entry.subject != record.source) continue;
    // Of two statements the one that ends later.
    if (rule.suspended_until_ && *rule.suspended_until_ >= Time{entry.until}) continue;
    rule.suspended_until_ = Time{entry.until};
    rule.suspension_ = view.Text(entry.text_offset, entry.text_size);
  }
  return rule;
}

Lookup PolicyIndex::Find(const HostName& host, std::uint16_t port) const noexcept {
  const View view(image_);
  const std::string_view name = host.text();
  std::array<Suffix, kMaxLabels> suffixes;
  std::size_t count = Suffixes(name, suffixes);
  if (host.is_ip() && count > 0) {
    // Wildcards never match IP addresses, so only the whole name is looked for.
    suffixes[0] = suffixes[count - 1];
    count = 1;
  }
  bool other_ports = false;
  for (std::size_t up = 0; up < count; ++up) {
    const Suffix& suffix = suffixes[count - 1 - up];
    const BaseLookup base = FindBase(view, name.substr(suffix.begin), suffix.hash);
    if (base.found == Found::kDamaged) return {Lookup::Kind::kDamaged, {}};
    if (base.found == Found::kNothing) continue;
    std::uint64_t first = base.slot.first_rule;
    for (std::size_t k = 0; k < 3; first += base.slot.count[k++]) {
      const auto kind = static_cast<HostPattern::Kind>(k);
      if (!MayMatch(kind, up, host)) continue;
      image::Rule rule{};
      const Found found = FindInKind(view, first, base.slot.count[k], port, rule);
      if (found == Found::kDamaged) return {Lookup::Kind::kDamaged, {}};
      other_ports = other_ports || found == Found::kOtherPorts;
      if (found == Found::kRule) {
        return {Lookup::Kind::kRule,
                MakeRule(rule, kind, view.Text(base.slot.text_offset, base.slot.text_size))};
      }
    }
  }
  return {other_ports ? Lookup::Kind::kOtherPorts : Lookup::Kind::kUnlisted, {}};
}

std::vector<std::uint16_t> PolicyIndex::PortsOf(const HostName& host) const {
  const View view(image_);
  std::vector<std::uint16_t> ports;
  std::array<Suffix, kMaxLabels> suffixes;
  const std::size_t count = Suffixes(host.text(), suffixes);
  for (std::size_t up = 0; up < count && !(host.is_ip() && up > 0); ++up) {
    const Suffix& suffix = suffixes[count - 1 - up];
    const BaseLookup base = FindBase(view, host.text().substr(suffix.begin), suffix.hash);
    if (base.found != Found::kRule) continue;
    std::uint64_t first = base.slot.first_rule;
    for (std::size_t k = 0; k < 3; first += base.slot.count[k++]) {
      if (MayMatch(static_cast<HostPattern::Kind>(k), up, host)) {
        AppendPorts(view, first, base.slot.count[k], ports);
      }
    }
  }
  std::ranges::sort(ports);
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

bool PolicyIndex::has_revocations() const noexcept {
  return View(image_).header.revoked_count != 0;
}

bool PolicyIndex::IsRevoked(const Digest& spki) const noexcept {
  const View view(image_);
  return HoldsDigest(view.bytes + view.layout.revoked, view.header.revoked_count, spki);
}

bool PolicyIndex::IsInspectionCa(const Digest& spki) const noexcept {
  const View view(image_);
  return HoldsDigest(view.bytes + view.layout.inspection, view.header.inspection_count, spki);
}

std::string_view PolicyIndex::name() const noexcept {
  const View view(image_);
  return view.Text(0, view.header.name_size);
}

std::string_view PolicyIndex::environment() const noexcept {
  const View view(image_);
  return view.Text(view.header.name_size, view.header.environment_size);
}

std::uint64_t PolicyIndex::revision() const noexcept { return View(image_).header.policy_revision; }

std::optional<Time> PolicyIndex::NextEnd(Time now) const noexcept {
  const View view(image_);
  std::optional<Time> next;
  for (std::uint32_t i = 0; i < view.header.temporary_count; ++i) {
    const Time until{EntryAt(view.bytes + view.layout.temporary, i).until};
    if (until > now && (!next || until < *next)) next = until;
  }
  return next;
}

PolicyIndex PolicyIndex::EndedBy(Time time) const {
  auto copy = std::make_shared<Bytes>(image_.begin(), image_.end());
  View view(*copy);
  std::uint8_t* const first = copy->data() + view.layout.temporary;
  for (std::uint32_t i = 0; i < view.header.temporary_count; ++i) {
    image::Temporary entry = EntryAt(first, i);
    if (entry.until > time.unix_seconds) continue;
    entry.until = std::numeric_limits<std::int64_t>::min();
    std::memcpy(first + std::uint64_t{i} * sizeof entry, &entry, sizeof entry);
  }
  view.header.checksum = image::IndexChecksum(*copy, view.layout);
  std::memcpy(copy->data(), &view.header, sizeof view.header);
  PolicyIndex index;
  index.image_ = *copy;
  index.owner_ = std::move(copy);
  return index;
}

std::uint64_t PolicyIndex::version() const noexcept { return View(image_).header.policy_version; }

Unlisted PolicyIndex::unlisted() const noexcept {
  const bool refuse = (View(image_).header.flags & image::kUnlistedRefuse) != 0;
  return refuse ? Unlisted::kRefuse : Unlisted::kPki;
}

bool PolicyIndex::partial_chain() const noexcept {
  return (View(image_).header.flags & image::kPartialChain) != 0;
}

std::size_t PolicyIndex::rule_count() const noexcept { return View(image_).header.rule_count; }

}  // namespace cotter
