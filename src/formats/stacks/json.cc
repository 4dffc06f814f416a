// SPDX-License-Identifier: Apache-2.0
//
// A JSON map of hosts to pins, the shape that scripts, pin servers and several clients share:
//   {"api.example.com": ["sha256/...", "sha256/..."]}
// A host with an empty list is left out of a wider one. Keys that begin with "_" and have no dot
// are comments, which leaves names such as _dmarc.example.com; the map may stand below "hosts" or
// "domains".
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

Result<void> ReadHost(const SourceText& source, const std::string& host, const JsonValue& pins,
                      ImportedPolicy& imported) {
  Result<HostRule> rule = source.NewRule(host, pins.offset);
  if (!rule) return rule.error();
  if (pins.items.empty()) rule->mode = Mode::kOff;
  for (const JsonValue& pin : pins.items) {
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
    // {"api.example.com": {"pins": [...]}}, beside whatever its program keeps there
    const JsonValue* inner = pins.kind == Kind::kObject ? PinsOf(pins) : &pins;
    if (inner == nullptr || inner->kind != Kind::kArray) {
      return source->Fail(pins.offset, Code::kFormatMalformed,
                          Quoted(host) + ": expected an array of pins");
    }
    if (Result<void> read = ReadHost(*source, host, *inner, imported); !read) return read.error();
  }
  return imported;
}

bool Recognizes(std::span<const InputFile> files) {
  if (files.size() != 1) return false;
  const std::string_view text = AsText(files.front().bytes);
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && text[first] == '{';
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
