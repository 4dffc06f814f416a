// SPDX-License-Identifier: Apache-2.0
#include "formats/rule_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "formats/json_text.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

using Kind = JsonValue::Kind;

constexpr std::array<std::string_view, 3> kModes = {"enforce", "report", "off"};
constexpr std::array<std::string_view, 2> kRequire = {"any", "leaf+ca"};
constexpr std::array<std::string_view, 2> kKinds = {"spki", "cert"};
constexpr std::array<std::string_view, 3> kPlaces = {"any", "leaf", "ca"};
constexpr std::array<std::string_view, 5> kUses = {"active", "backup", "next", "retiring",
                                                   "revoked"};
constexpr std::array<std::string_view, 2> kUnlisted = {"pki", "refuse"};

std::string Member(std::string_view key, std::string_view value) {
  return "\"" + std::string(key) + "\": " + JsonString(value);
}

template <typename Enum, std::size_t N>
std::string_view WordOf(const std::array<std::string_view, N>& words, Enum value) {
  return words[static_cast<std::size_t>(value)];
}

std::string PinText(const PolicyPin& entry) {
  std::string text = "{" + Member("pin", FormatPin(entry.pin.digest));
  text += ", " + Member("kind", WordOf(kKinds, entry.pin.kind));
  text += ", " + Member("place", WordOf(kPlaces, entry.pin.place));
  text += ", " + Member("use", WordOf(kUses, entry.pin.use));
  if (!entry.label.empty()) text += ", " + Member("label", entry.label);
  return text + "}";
}

std::string RuleText(const PlanRule& rule) {
  std::string text = "{" + Member("pattern", rule.pattern.ToString());
  text += ", " + Member("mode", WordOf(kModes, rule.mode));
  text += ", " + Member("require", WordOf(kRequire, rule.require)) + ", \"ports\": [";
  for (const std::uint16_t port : rule.ports) {
    text += (text.ends_with('[') ? "" : ", ") + std::to_string(port);
  }
  text += "], \"pins\": [";
  for (const PolicyPin& pin : rule.pins) {
    text += (text.ends_with('[') ? "\n      " : ",\n      ") + PinText(pin);
  }
  text += "]";
  // Pins that go on deciding after their expiry lose nothing by carrying the date.
  const HostRule& source = *rule.source;
  if (source.expires && source.on_expiry == OnExpiry::kEnforce && rule.mode != Mode::kOff) {
    text += ", " + Member("expires", FormatTime(*source.expires));
  }
  return text + "}";
}

class TableReader {
 public:
  explicit TableReader(const SourceText& source) : source_(source) {}

  Result<ImportedPolicy> Read(const JsonValue& root) {
    Policy& policy = imported_.policy;
    Choose(root, "unlisted", kUnlisted, policy.unlisted);
    for (const JsonValue& key : Items(root, "revoked")) {
      const Result<Digest> digest = ParsePin(key.text);
      if (!digest) {
        Fail(key, digest.error().code, digest.error().message);
      } else {
        policy.revoked.push_back(*digest);
      }
    }
    for (const JsonValue& rule : Items(root, "rules")) ReadRule(rule);
    if (error_) return *error_;
    return std::move(imported_);
  }

 private:
  void Fail(const JsonValue& at, Code code, const std::string& what) {
    if (!error_) error_ = source_.Fail(at.offset, code, what);
  }

  static std::string_view Text(const JsonValue& object, std::string_view key) {
    const JsonValue* value = object.Find(key);
    return value == nullptr ? std::string_view() : std::string_view(value->text);
  }

  static std::span<const JsonValue> Items(const JsonValue& object, std::string_view key) {
    const JsonValue* value = object.Find(key);
    if (value == nullptr) return {};
    return value->items;
  }

  // Choose sets `target` to the word's value; an absent word leaves the default.
  template <typename Enum, std::size_t N>
  void Choose(const JsonValue& object, std::string_view key,
              const std::array<std::string_view, N>& words, Enum& target) {
    const JsonValue* value = object.Find(key);
    if (value == nullptr) return;
    const auto word = std::ranges::find(words, value->text);
    if (word == words.end()) {
      return Fail(*value, Code::kFormatMalformed,
                  std::string(key) + ": unknown word " + Quoted(value->text));
    }
    target = static_cast<Enum>(word - words.begin());
  }

  void ReadRule(const JsonValue& value) {
    Result<HostRule> rule = source_.NewRule(Text(value, "pattern"), value.offset);
    if (!rule) {
      if (!error_) error_ = rule.error();
      return;
    }
    Choose(value, "mode", kModes, rule->mode);
    Choose(value, "require", kRequire, rule->require);
    for (const JsonValue& port : Items(value, "ports")) {
      const Result<std::uint16_t> number = ParsePort(port.text);
      if (!number) return Fail(port, number.error().code, number.error().message);
      rule->ports.push_back(*number);
    }
    for (const JsonValue& pin : Items(value, "pins")) {
      const std::size_t before = rule->pins.size();
      const Result<void> added =
          source_.AddPin(*rule, Text(pin, "pin"), pin.offset, imported_.losses);
      if (!added) return static_cast<void>(error_ = added.error());
      if (rule->pins.size() == before) continue;  // its facts are not those of the pin before it
      PolicyPin& entry = rule->pins.back();
      Choose(pin, "kind", kKinds, entry.pin.kind);
      Choose(pin, "place", kPlaces, entry.pin.place);
      Choose(pin, "use", kUses, entry.pin.use);
      entry.label = Text(pin, "label");
    }
    if (const JsonValue* expires = value.Find("expires")) {
      const Result<Time> time = ParseTime(expires->text);
      if (!time) return Fail(*expires, Code::kTimeInvalid, time.error().message);
      rule->expires = *time;
    }
    TakeRule(imported_, *std::move(rule));
  }

  const SourceText& source_;
  ImportedPolicy imported_;
  std::optional<Error> error_;
};

}  // namespace

std::string TableMark(std::string_view format) {
  return "cotter-rules for " + std::string(format) + ":";
}

std::string RuleTable(const Plan& plan, const Policy& policy) {
  std::string text =
      "{" + Member("unlisted", WordOf(kUnlisted, policy.unlisted)) + ",\n  \"revoked\": [";
  for (const Digest& digest : plan.revoked) {
    text += (text.ends_with('[') ? "\n    " : ",\n    ") + JsonString(FormatPin(digest));
  }
  text += "],\n  \"rules\": [";
  for (const PlanRule& rule : plan.rules) {
    text += (text.ends_with('[') ? "\n    " : ",\n    ") + RuleText(rule);
  }
  return text + "]}";
}

bool HasRuleTable(std::span<const InputFile> files, std::string_view format) {
  return AsText(files.front().bytes).find(TableMark(format)) != std::string_view::npos;
}

Result<ImportedPolicy> ReadRuleTable(std::span<const InputFile> files, std::string_view format) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  const std::size_t mark = source->text().find(TableMark(format));
  const std::size_t begin = source->text().find('{', mark);
  if (mark == std::string_view::npos || begin == std::string_view::npos) {
    return source->Fail(0, Code::kFormatUnknown,
                        "no rules of cotter export --to " + std::string(format) +
                            " here; other code of that language cannot be read");
  }
  std::size_t end = 0;
  const Result<JsonValue> root = ParseJson(*source, base::JsonComments::kRefuse, begin, &end);
  if (!root) return root.error();
  return TableReader(*source).Read(*root);
}

}  // namespace cotter::formats
