// SPDX-License-Identifier: Apache-2.0
//
// PolicyIndex::Build: check a policy as a whole, then lay it out flat.
#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/policy_image.h"
#include "core/policy_order.h"
#include <cotter/policy_index.h>

namespace cotter {
namespace {

// InspectionKeys is the keys of the CAs that may inspect, ascending, without repeats.
std::vector<Digest> InspectionKeys(const Policy& policy) {
  std::vector<Digest> keys;
  for (const InspectionCa& ca : policy.inspection_cas) keys.push_back(ca.spki);
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

// Writer lays the sections out; they are joined at the end, when their sizes are known.
class Writer {
 public:
  explicit Writer(const Policy& policy)
      : policy_(policy),
        revoked_(image::KeysRevokedInForce(policy)),
        inspection_(InspectionKeys(policy)) {
    text_ = policy.name + policy.environment;
  }

  void AddRules(const std::vector<const HostRule*>& sorted) {
    std::string_view last_base;
    for (const HostRule* rule : sorted) {
      const std::string_view base = rule->pattern.base().text();
      if (bases_.empty() || base != last_base) AddBase(base);
      last_base = base;
      ++bases_.back().count[static_cast<std::size_t>(rule->pattern.kind())];
      AddRule(*rule);
    }
  }

  Bytes Finish() {
    FillSlots();
    image::Header header{};
    header.magic = image::kMagic;
    header.policy_version = policy_.version;
    header.policy_revision = policy_.revision;
    header.flags = (policy_.unlisted == Unlisted::kRefuse ? image::kUnlistedRefuse : 0U) |
                   (policy_.partial_chain ? image::kPartialChain : 0U);
    header.slot_count = static_cast<std::uint32_t>(slots_.size());
    header.rule_count = static_cast<std::uint32_t>(rules_.size());
    header.pin_count = static_cast<std::uint32_t>(digests_.size());
    header.port_count = static_cast<std::uint32_t>(ports_.size());
    header.revoked_count = static_cast<std::uint32_t>(revoked_.size());
    header.inspection_count = static_cast<std::uint32_t>(inspection_.size());
    header.temporary_count = static_cast<std::uint32_t>(temporary_.size());
    header.text_size = static_cast<std::uint32_t>(text_.size());
    header.name_size = static_cast<std::uint32_t>(policy_.name.size());
    header.environment_size = static_cast<std::uint32_t>(policy_.environment.size());
    header.text_checksum = image::TextChecksum(
        std::string_view(text_).substr(0, policy_.name.size() + policy_.environment.size()));
    const image::Layout layout(header);
    header.size = layout.end;
    Bytes out(sizeof header);
    out.reserve(header.size);
    Append(out, slots_);
    Append(out, rules_);
    Append(out, digests_);
    Append(out, traits_);
    Append(out, ports_);
    Append(out, revoked_);
    Append(out, inspection_);
    Append(out, temporary_);
    const ByteView text = AsBytes(text_);
    out.insert(out.end(), text.begin(), text.end());
    Seal(out, header, layout);
    return out;
  }

 private:
  template <typename T>
  static void Append(Bytes& out, const std::vector<T>& records) {
    if (records.empty()) return;
    const std::size_t at = out.size();
    out.resize(at + records.size() * sizeof(T));
    std::memcpy(out.data() + at, records.data(), records.size() * sizeof(T));
  }

  // Seal writes the checksums, which need the sections in their places.
  void Seal(Bytes& out, image::Header header, const image::Layout& layout) {
    for (image::Rule& rule : rules_) {
      rule.checksum = image::RuleChecksum(rule, out.data(), layout);
    }
    std::memcpy(out.data(), &header, sizeof header);
    if (!rules_.empty()) {
      std::memcpy(out.data() + layout.rules, rules_.data(), rules_.size() * sizeof rules_[0]);
    }
    header.checksum = image::IndexChecksum(out, layout);
    std::memcpy(out.data(), &header, sizeof header);
  }

  void AddBase(std::string_view base) {
    bases_.push_back({.checksum = 0,
                      .hash = image::HashOf(base),
                      .first_rule = static_cast<std::uint32_t>(rules_.size()),
                      .text_offset = static_cast<std::uint32_t>(text_.size()),
                      .text_size = static_cast<std::uint16_t>(base.size()),
                      .count = {}});
    text_ += base;
  }

  void AddRule(const HostRule& rule) {
    image::Rule record{};
    std::optional<Time> expires = rule.expires;
    if (policy_.expires && (!expires || *policy_.expires < *expires)) expires = policy_.expires;
    if (expires) {
      record.expires = expires->unix_seconds;
      record.flags |= image::kHasExpiry;
    }
    record.source = static_cast<std::uint32_t>(&rule - policy_.hosts.data());
    record.first_pin = static_cast<std::uint32_t>(digests_.size());
    record.first_port = static_cast<std::uint32_t>(ports_.size());
    record.pin_count = static_cast<std::uint16_t>(rule.pins.size());
    record.port_count = static_cast<std::uint16_t>(rule.ports.size());
    record.mode_and_expiry =
        image::Halves(static_cast<unsigned>(rule.mode), static_cast<unsigned>(rule.on_expiry));
    record.require_and_anchors = image::Halves(static_cast<unsigned>(rule.require),
                                               static_cast<unsigned>(rule.local_anchors));
    for (const PolicyPin& entry : rule.pins) {
      if (entry.pin.kind == PinKind::kCert) record.flags |= image::kNeedsCertDigests;
      AddPin(entry.pin);
    }
    AddEmergency(rule, record);
    ports_.insert(ports_.end(), rule.ports.begin(), rule.ports.end());
    std::sort(ports_.begin() + static_cast<std::ptrdiff_t>(record.first_port), ports_.end());
    rules_.push_back(record);
  }

  void AddPin(const Pin& pin) {
    digests_.push_back(pin.digest);
    traits_.push_back(image::Traits(static_cast<unsigned>(pin.kind),
                                    static_cast<unsigned>(pin.place),
                                    static_cast<unsigned>(pin.use)));
  }

  // AddEmergency adds what statements say of `rule`: its pins come behind the rule's own.
  void AddEmergency(const HostRule& rule, image::Rule& record) {
    for (const EmergencyStatement& statement : policy_.emergency) {
      if (statement.kind == EmergencyKind::kRevoke || !IsNamed(statement, rule)) continue;
      image::Temporary entry{};
      entry.until = statement.until->unix_seconds;
      entry.kind = image::kSuspendedRule;
      entry.subject = record.source;
      if (statement.kind == EmergencyKind::kAddPin) {
        if (record.pin_count == kMaxPinsPerRule) continue;  // its own pins are enough
        if (statement.pin.kind == PinKind::kCert) record.flags |= image::kNeedsCertDigests;
        entry.kind = image::kAddedPin;
        entry.subject = static_cast<std::uint32_t>(digests_.size());
        AddPin(statement.pin);
        traits_.back() |= image::kTemporaryPin;
        ++record.pin_count;
      }
      entry.text_offset = static_cast<std::uint32_t>(text_.size());
      entry.text_size = static_cast<std::uint32_t>(statement.id.size());
      text_ += statement.id;
      temporary_.push_back(entry);
    }
  }

  static bool IsNamed(const EmergencyStatement& statement, const HostRule& rule) {
    return std::ranges::any_of(statement.rules,
                               [&](const RuleName& name) { return Names(name, rule); });
  }

  void FillSlots() {
    // At most four fifths full: a slot and its neighbours share cache lines, so a few steps cost
    // little, and an empty slot must be left to end a search.
    slots_.resize(std::bit_ceil(bases_.size() + bases_.size() / 4 + 1));
    const std::size_t mask = slots_.size() - 1;
    for (const image::Slot& base : bases_) {
      std::size_t at = base.hash & mask;
      while (slots_[at].text_size != 0) at = (at + 1) & mask;
      slots_[at] = base;
    }
    for (std::size_t at = 0; at < slots_.size(); ++at) {
      slots_[at].checksum = image::SlotChecksum(slots_[at], at);
    }
  }

  const Policy& policy_;
  std::vector<image::Slot> bases_;
  std::vector<image::Slot> slots_;
  std::vector<image::Rule> rules_;
  std::vector<Digest> digests_;
  std::vector<std::uint8_t> traits_;
  std::vector<std::uint16_t> ports_;
  std::vector<Digest> revoked_;
  std::vector<Digest> inspection_;
  std::vector<image::Temporary> temporary_;
  std::string text_;
};

}  // namespace

Result<PolicyIndex> PolicyIndex::Build(const Policy& policy) {
  if (auto fault = FindFault(policy)) return std::move(fault->error);
  Writer writer(policy);
  writer.AddRules(image::Sorted(policy));
  auto image = std::make_shared<const Bytes>(writer.Finish());
  PolicyIndex index;
  index.image_ = *image;
  index.owner_ = std::move(image);
  return index;
}

}  // namespace cotter
