// SPDX-License-Identifier: Apache-2.0
//
// A JSON map of hosts to pins, the shape that scripts, pin servers and several clients share:
//   {"api.example.com": ["sha256/...", "sha256/..."]}
// A host may have one pin without a list, or an object with them, in which includeSubdomains and
// expirationDate count as for react-native-ssl-public-key-pinning. A host with an empty list is
// left out of a wider one. Keys that begin with "_" and have no dot are comments, which leaves
// names such as _dmarc.example.com; the map may stand below "hosts" or "domains".
#include <algorithm>

#include "formats/json_text.h"
#include "formats/plan.h"
#include "formats/provenance.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

using Kind = JsonValue::Kind;

bool IsComment(std::string_view key) {
  return key.starts_with('_') && key.find('.') == std::string_view::npos;
}

// KeyOf spells a name that would be taken for a comment with its trailing dot.
std::string KeyOf(const HostPattern& pattern) {
  const std::string key = pattern.ToString();
  return IsComment(key) ? key + "." : key;
}

// MapOf is where the map stands.
const JsonValue& MapOf(const JsonValue& root) {
  for (const std::string_view key : {"hosts", "domains"}) {
    const JsonValue* inner = root.Find(key);
    if (inner != nullptr && inner->kind == Kind::kObject) return *inner;
  }
  return root;
}

// PinsOf is the list of pins in an object about a host.
const JsonValue* PinsOf(const JsonValue& host) {
  for (const std::string_view key : {"pins", "hashes", "publicKeyHashes"}) {
    if (const JsonValue* pins = host.Find(key)) return pins;
  }
  return nullptr;
}

// ReadSettings reads what an object about a host says besides its pins.
Result<void> ReadSettings(const SourceText& source, const JsonValue& about, HostRule& rule,
                          ImportedPolicy& imported) {
  if (const JsonValue* date = about.Find("expirationDate")) {
    const Result<Time> time = ParseTime(date->text);
    if (!time)
      return source.Fail(date->offset, time.error().code,
                         "expirationDate: " + time.error().message);
    rule.expires = *time;
    rule.on_expiry = OnExpiry::kPki;
  }
  for (const auto& [key, value] : about.members) {
    if (key == "expirationDate" || &value == PinsOf(about)) continue;
    if (key == "includeSubdomains" && value.kind == Kind::kBoolean) continue;
    if (IsComment(key)) continue;
    imported.losses.push_back({.rule = rule.pattern.ToString(),
                               .what = Quoted(key) + " is not imported",
                               .line = source.Line(value.offset)});
  }
  return Ok();
}

// ReadHost reads the rule of `host`: `about` is its pins, or an object that has them.
Result<void> ReadHost(const SourceText& source, const std::string& host, const JsonValue& about,
                      ImportedPolicy& imported) {
  const bool is_object = about.kind == Kind::kObject;
  const JsonValue* pins = is_object ? PinsOf(about) : &about;
  if (pins == nullptr || (pins->kind != Kind::kArray && pins->kind != Kind::kString)) {
    return source.Fail(about.offset, Code::kFormatMalformed,
                       Quoted(host) + ": expected an array of pins");
  }
  const JsonValue* all = is_object ? about.Find("includeSubdomains") : nullptr;
  const bool wide = all != nullptr && all->boolean && !host.starts_with("*");
  Result<HostRule> rule = source.NewRule((wide ? "**." : "") + host, pins->offset);
  if (!rule) return rule.error();
  if (is_object) {
    if (Result<void> read = ReadSettings(source, about, *rule, imported); !read) return read;
  }
  const std::span<const JsonValue> list =
      pins->kind == Kind::kArray ? std::span<const JsonValue>(pins->items) : std::span(pins, 1);
  if (list.empty()) rule->mode = Mode::kOff;
  for (const JsonValue& pin : list) {
    if (pin.kind != Kind::kString) {
      return source.Fail(pin.offset, Code::kFormatMalformed, "expected a pin in quotes");
    }
    Result<void> added = source.AddPin(*rule, pin.text, pin.offset, imported.losses);
    if (!added) return added;
  }
  TakeRule(imported, *std::move(rule));
  return Ok();
}

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  const Result<JsonValue> root = ParseJson(*source);
  if (!root) return root.error();
  if (root->kind != Kind::kObject) {
    return source->Fail(root->offset, Code::kFormatMalformed,
                        "expected an object of hosts and their pins");
  }
  ImportedPolicy imported;
  for (const auto& [host, pins] : MapOf(*root).members) {
    if (IsComment(host)) continue;
    if (Result<void> read = ReadHost(*source, host, pins, imported); !read) return read.error();
  }
  return imported;
}

bool Recognizes(std::span<const InputFile> files) {
  if (files.size() != 1) return false;
  const std::string_view text = AsText(files.front().bytes);
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && text[first] == '{' &&
         text.find("\"certificatePinningHosts\"") == std::string_view::npos;  // tls-client's
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  const Speech speech{.places = Places::kAnywhere, .exclusions = true};
  Result<Plan> plan = MakePlan(policy, speech, options);
  if (!plan) return plan.error();
  std::string text = "{\n  \"_comment\": [";
  const auto lines = ProvenanceLines(policy, options.policy_digest, "json");
  for (const std::string& line : lines) {
    text += (&line == &lines.front() ? "\n    " : ",\n    ") + JsonString(line);
  }
  text += "\n  ]";
  for (const PlanRule& rule : plan->rules) {
    text += ",\n  " + JsonString(KeyOf(rule.pattern)) + ": [";
    for (const PolicyPin& pin : rule.pins) {
      text += (&pin == &rule.pins.front() ? "\n    \"" : ",\n    \"") + FormatPin(pin.pin.digest) +
              "\"";
    }
    text += rule.pins.empty() ? "]" : "\n  ]";
  }
  return Exported{text + "\n}\n", std::move(plan->losses)};
}

}  // namespace

extern const Format kJsonFormat;
const Format kJsonFormat{.name = "json",
                         .summary = "a JSON map of hosts to pins",
                         .recognizes = Recognizes,
                         .read = Read,
                         .write = Write};

}  // namespace cotter::formats
