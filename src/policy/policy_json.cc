// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_json.h"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "policy/change_window.h"
#include "policy/words.h"

namespace cotter::policy {
namespace {

// AppendString writes JSON's escapes (RFC 8259, 7). Model texts are UTF-8, as both readers see to.
void AppendString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  out += '"';
}

// Object writes one object; its braces are opened and closed with its life.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() { out_ += '}'; }

  void Key(std::string_view key) {
    if (!first_) out_ += ',';
    first_ = false;
    AppendString(out_, key);
    out_ += ':';
  }
  void Always(std::string_view key, std::string_view text) {
    Key(key);
    AppendString(out_, text);
  }
  void Text(std::string_view key, std::string_view text) {
    if (!text.empty()) Always(key, text);
  }
  void Date(std::string_view key, const std::optional<Time>& time) {
    if (time) Always(key, FormatTime(*time));
  }
  void Strings(std::string_view key, const std::vector<std::string>& texts) {
    Array(key, texts, [this](const std::string& text) { AppendString(out_, text); });
  }
  // Choice writes the word of `value`, unless it is the default.
  template <typename T, std::size_t N>
  void Choice(std::string_view key, const Word<T> (&words)[N], T value, T without) {
    if (value != without) Always(key, WordFor(words, value));
  }
  // Array writes each item by `write`; an empty one is left out.
  template <typename T, typename Write>
  void Array(std::string_view key, const std::vector<T>& items, const Write& write) {
    if (items.empty()) return;
    Key(key);
    out_ += '[';
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i != 0) out_ += ',';
      write(items[i]);
    }
    out_ += ']';
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void WritePin(std::string& out, const PolicyPin& entry) {
  Object object(out);
  object.Always("pin", FormatPin(entry.pin.digest));
  object.Choice("kind", kKindWords, entry.pin.kind, PinKind::kSpki);
  object.Choice("place", kPlaceWords, entry.pin.place, PinPlace::kAny);
  object.Choice("use", kUseWords, entry.pin.use, PinUse::kActive);
  object.Text("label", entry.label);
}

std::vector<PolicyPin> OwnPins(const HostRule& rule) {
  std::vector<PolicyPin> own;
  for (const PolicyPin& entry : rule.pins) {
    if (entry.set.empty()) own.push_back(entry);
  }
  return own;
}

std::vector<std::string> Windows(const std::vector<ChangeWindow>& windows) {
  std::vector<std::string> texts;
  for (const ChangeWindow& window : windows) texts.push_back(FormatChangeWindow(window));
  return texts;
}

void WriteHeader(std::string& out, const Policy& policy) {
  Object object(out);
  object.Text("name", policy.name);
  object.Text("environment", policy.environment);
  if (policy.version != 0) {
    object.Key("version");
    out += std::to_string(policy.version);
  }
  object.Date("expires", policy.expires);
  object.Choice("unlisted", kUnlistedWords, policy.unlisted, Unlisted::kPki);
  if (policy.partial_chain) {
    object.Key("partial_chain");
    out += "true";
  }
  object.Array("revoked", policy.revoked,
               [&](const Digest& digest) { AppendString(out, FormatPin(digest)); });
  object.Strings("change_windows", Windows(policy.change_windows));
  if (policy.revision != 0) {
    object.Key("revision");
    out += std::to_string(policy.revision);
  }
}

void WriteHost(std::string& out, const HostRule& rule) {
  Object object(out);
  object.Always("pattern", rule.pattern.ToString());
  object.Array("ports", rule.ports, [&](std::uint16_t port) { out += std::to_string(port); });
  object.Choice("mode", kModeWords, rule.mode, Mode::kEnforce);
  object.Choice("require", kRequireWords, rule.require, Require::kAny);
  object.Choice("local_anchors", kLocalAnchorsWords, rule.local_anchors, LocalAnchors::kEnforce);
  object.Date("expires", rule.expires);
  object.Choice("on_expiry", kOnExpiryWords, rule.on_expiry, OnExpiry::kEnforce);
  object.Strings("extends", rule.extends);
  object.Array("pins", OwnPins(rule), [&](const PolicyPin& entry) { WritePin(out, entry); });
  object.Text("owner", rule.owner);
  object.Strings("tags", rule.tags);
  object.Date("updated", rule.updated);
  object.Text("reason", rule.reason);
  object.Date("review", rule.review);
  object.Array("history", rule.history, [&](const Change& change) {
    Object entry(out);
    entry.Date("date", change.date);
    entry.Text("reason", change.reason);
    entry.Text("by", change.by);
  });
  object.Strings("change_windows", Windows(rule.change_windows));
}

void WriteInventory(std::string& out, const InventoryEntry& entry) {
  Object object(out);
  object.Always("host", entry.host.ToString());
  object.Text("owner", entry.owner);
  if (entry.data_class) object.Always("data_class", WordFor(kDataClassWords, *entry.data_class));
  object.Strings("tags", entry.tags);
  object.Text("partner", entry.partner);
  if (entry.exposure) object.Always("exposure", WordFor(kExposureWords, *entry.exposure));
  object.Date("review", entry.review);
}

void WriteDelegate(std::string& out, const Delegate& delegate) {
  Object object(out);
  object.Always("name", delegate.name);
  object.Always("target", delegate.target);
  object.Array("hosts", delegate.hosts,
               [&](const HostPattern& pattern) { AppendString(out, pattern.ToString()); });
}

void WriteEmergency(std::string& out, const EmergencyStatement& statement) {
  Object object(out);
  object.Always("id", statement.id);
  object.Always("kind", WordFor(kEmergencyWords, statement.kind));
  object.Array("rules", statement.rules, [&](const RuleName& name) {
    Object entry(out);
    entry.Always("pattern", name.pattern.ToString());
    if (!name.port) return;
    entry.Key("port");
    out += std::to_string(*name.port);
  });
  if (statement.kind != EmergencyKind::kSuspend) {
    object.Always("pin", FormatPin(statement.pin.digest));
    object.Choice("place", kPlaceWords, statement.pin.place, PinPlace::kAny);
  }
  object.Date("until", statement.until);
  object.Text("reason", statement.reason);
  object.Text("ticket", statement.ticket);
}

}  // namespace

std::string WritePolicyJson(const Policy& policy) {
  std::string out;
  {
    Object object(out);
    object.Key("policy");
    WriteHeader(out, policy);
    object.Array("pin_set", policy.pin_sets, [&](const PinSet& set) {
      Object entry(out);
      entry.Always("name", set.name);
      entry.Strings("extends", set.extends);
      entry.Array("pins", set.pins, [&](const PolicyPin& pin) { WritePin(out, pin); });
    });
    object.Array("inspection_ca", policy.inspection_cas, [&](const InspectionCa& ca) {
      Object entry(out);
      entry.Always("name", ca.name);
      entry.Always("pin", FormatPin(ca.spki));
    });
    object.Array("inventory", policy.inventory,
                 [&](const InventoryEntry& entry) { WriteInventory(out, entry); });
    object.Array("delegate", policy.delegates,
                 [&](const Delegate& delegate) { WriteDelegate(out, delegate); });
    object.Array("emergency", policy.emergency,
                 [&](const EmergencyStatement& statement) { WriteEmergency(out, statement); });
    object.Array("host", policy.hosts, [&](const HostRule& rule) { WriteHost(out, rule); });
  }
  return out;
}

Digest PolicyDigest(const Policy& policy) { return base::Sha256(AsBytes(WritePolicyJson(policy))); }

}  // namespace cotter::policy
