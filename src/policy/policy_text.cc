// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_text.h"

#include <array>

#include "base/utf8.h"

namespace cotter::policy {
namespace {

void AppendEscaped(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (value < 0x20 || value == 0x7F) {
    out += "\\u00";
    out += kHex[value >> 4];
    out += kHex[value & 15];
  } else {
    out += c;
  }
}

std::string Comment(std::string_view text) {
  std::string line = "#";
  if (!text.empty()) line += ' ';
  while (!text.empty()) {
    const std::size_t length = base::Utf8Length(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length == 0 || (length == 1 && (first < 0x20 || first == 0x7F))) {
      line += '?';
      text.remove_prefix(1);
    } else {
      line += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return line + "\n";
}

// Midnights are written as dates, as people do.
std::string TimeText(Time time) {
  constexpr std::int64_t kDay = 24 * 60 * 60;
  return time.unix_seconds % kDay == 0 ? FormatDate(time) : FormatTime(time);
}

class Writer {
 public:
  void Key(std::string_view key, const std::string& value) {
    text_ += std::string(key) + " = " + value + "\n";
  }
  void String(std::string_view key, std::string_view value) {
    if (!value.empty()) Key(key, TomlString(value));
  }
  void Date(std::string_view key, const std::optional<Time>& time) {
    if (time) Key(key, TimeText(*time));
  }
  void Comments(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) text_ += Comment(line);
  }

  void Header(const Policy& policy) {
    text_ += "[policy]\n";
    String("name", policy.name);
    String("environment", policy.environment);
    if (policy.version != 0) Key("version", std::to_string(policy.version));
    Date("expires", policy.expires);
    if (policy.unlisted == Unlisted::kRefuse) Key("unlisted", "\"refuse\"");
    if (policy.partial_chain) Key("partial_chain", "true");
    if (policy.revoked.empty()) return;
    text_ += "revoked = [\n";
    for (const Digest& digest : policy.revoked) text_ += "  \"" + FormatPin(digest) + "\",\n";
    text_ += "]\n";
  }

  void Host(const HostRule& rule) {
    text_ += "[[host]]\n";
    Key("pattern", TomlString(rule.pattern.ToString()));
    if (!rule.ports.empty()) Key("ports", Ports(rule));
    if (rule.mode == Mode::kReport) Key("mode", "\"report\"");
    if (rule.mode == Mode::kOff) Key("mode", "\"off\"");
    if (rule.require == Require::kLeafAndCa) Key("require", "\"leaf+ca\"");
    if (rule.local_anchors == LocalAnchors::kRefuse) Key("local_anchors", "\"refuse\"");
    Date("expires", rule.expires);
    if (rule.on_expiry == OnExpiry::kReport) Key("on_expiry", "\"report\"");
    if (rule.on_expiry == OnExpiry::kPki) Key("on_expiry", "\"pki\"");
    String("owner", rule.owner);
    if (!rule.tags.empty()) Key("tags", Tags(rule));
    Date("updated", rule.updated);
    String("reason", rule.reason);
    Date("review", rule.review);
    if (rule.pins.empty()) return;
    text_ += "pins = [\n";
    for (const PolicyPin& pin : rule.pins) text_ += "  " + PinText(pin) + ",\n";
    text_ += "]\n";
  }

  void Line() { text_ += '\n'; }
  [[nodiscard]] std::string Take() && { return std::move(text_); }

 private:
  static std::string Ports(const HostRule& rule) {
    std::string list = "[";
    for (const std::uint16_t port : rule.ports) {
      list += (list.size() == 1 ? "" : ", ") + std::to_string(port);
    }
    return list + "]";
  }

  static std::string Tags(const HostRule& rule) {
    std::string list = "[";
    for (const std::string& tag : rule.tags) {
      list += (list.size() == 1 ? "" : ", ") + TomlString(tag);
    }
    return list + "]";
  }

  static std::string PinText(const PolicyPin& entry) {
    constexpr std::array<std::string_view, 3> kPlaces = {"any", "leaf", "ca"};
    constexpr std::array<std::string_view, 5> kUses = {"active", "backup", "next", "retiring",
                                                       "revoked"};
    std::string text = "{ pin = \"" + FormatPin(entry.pin.digest) + "\"";
    const auto add = [&](std::string_view key, const std::string& value) {
      text += ", " + std::string(key) + " = " + value;
    };
    const auto word = [](std::string_view value) { return "\"" + std::string(value) + "\""; };
    if (entry.pin.kind == PinKind::kCert) add("kind", word("cert"));
    if (entry.pin.place != PinPlace::kAny) {
      add("place", word(kPlaces[static_cast<std::size_t>(entry.pin.place)]));
    }
    if (entry.pin.use != PinUse::kActive) {
      add("use", word(kUses[static_cast<std::size_t>(entry.pin.use)]));
    }
    if (!entry.label.empty()) add("label", TomlString(entry.label));
    return text + " }";
  }

  std::string text_;
};

}  // namespace

std::string TomlString(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = base::Utf8Length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    if (length == 1) {
      AppendEscaped(out, text.front());
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out + "\"";
}

std::string WritePolicy(const Policy& policy, const PolicyComments& comments) {
  Writer writer;
  writer.Comments(comments.head);
  if (!comments.head.empty()) writer.Line();
  writer.Header(policy);
  for (std::size_t i = 0; i < policy.hosts.size(); ++i) {
    writer.Line();
    if (i < comments.hosts.size()) writer.Comments(comments.hosts[i]);
    writer.Host(policy.hosts[i]);
  }
  return std::move(writer).Take();
}

}  // namespace cotter::policy
