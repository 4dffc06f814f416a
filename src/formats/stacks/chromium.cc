// SPDX-License-Identifier: Apache-2.0
//
// Chromium's preloaded pins: transport_security_state_static.pins, which names keys, and the .json
// beside it, which names pin sets and hosts. Its look-up is the longest entry, with or without all
// below it. Mozilla's PreloadedHPKPins.json is the same with other names; the keys that it names
// stand in Firefox's build, so a .pins file must say what they are.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/sha256.h"
#include "formats/json_text.h"
#include "formats/key_material.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

// Keys is the named pins of a .pins file, as text that ParsePin reads.
using Keys = std::unordered_map<std::string, std::string>;

std::string_view Trim(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

// ReadKeys reads names, each with a pin, a certificate or a public key in the lines below it.
Result<Keys> ReadKeys(const SourceText& source) {
  Keys keys;
  std::string name;
  const std::string_view text = source.text();
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = Trim(text.substr(begin, end - begin));
    if (line.starts_with("-----BEGIN ")) {
      const std::size_t close = text.find("-----END ", begin);
      end = close == std::string_view::npos ? text.size()
                                            : std::min(text.find('\n', close), text.size());
      const Result<std::vector<KeyMaterial>> items =
          ReadKeyMaterial(AsBytes(text.substr(begin, end - begin)));
      if (!items) return source.Fail(begin, items.error().code, items.error().message);
      keys[name] = FormatPin(base::Sha256(items->front().spki()));
    } else if (line.starts_with("sha256/")) {
      keys[name] = line;
    } else if (!line.empty() && !line.starts_with('#')) {
      name = line;
    }
    begin = end + 1;
  }
  return keys;
}

class ListReader {
 public:
  ListReader(const SourceText& source, const SourceText& pins, const Keys& keys)
      : source_(source), pins_(pins), keys_(keys) {}

  Result<ImportedPolicy> Read(const JsonValue& root) {
    const JsonValue* sets = root.Find("pinsets");
    const JsonValue* entries = root.Find("entries");
    if (sets == nullptr || entries == nullptr) {
      return source_.Fail(0, Code::kFormatMalformed, "expected \"pinsets\" and \"entries\"");
    }
    for (const JsonValue& set : sets->items) {
      if (const JsonValue* name = set.Find("name")) sets_[name->text] = &set;
    }
    for (const JsonValue& entry : entries->items) {
      if (Result<void> read = ReadEntry(entry); !read) return read.error();
    }
    return std::move(imported_);
  }

 private:
  Result<void> ReadEntry(const JsonValue& entry) {
    const JsonValue* pins = entry.Find("pins");
    const JsonValue* name = entry.Find("name");
    if (pins == nullptr || name == nullptr) return Ok();
    const auto set = sets_.find(pins->text);
    if (set == sets_.end()) {
      return source_.Fail(pins->offset, Code::kFormatMalformed,
                          "no pin set is called " + Quoted(pins->text));
    }
    const bool all =
        IsTrue(entry, "include_subdomains") || IsTrue(entry, "include_subdomains_for_pinning");
    Result<HostRule> rule = source_.NewRule((all ? "**." : "") + name->text, name->offset);
    if (!rule) return rule.error();
    rule->tags.push_back(pins->text);
    if (IsTrue(entry, "test_mode")) rule->mode = Mode::kReport;
    Result<void> added = AddKeys(*set->second, "static_spki_hashes", PinUse::kActive, *rule);
    if (added) added = AddKeys(*set->second, "sha256_hashes", PinUse::kActive, *rule);
    if (added) added = AddKeys(*set->second, "bad_static_spki_hashes", PinUse::kRevoked, *rule);
    if (!added) return added;
    const bool usable = std::ranges::any_of(
        rule->pins, [](const PolicyPin& pin) { return pin.pin.use != PinUse::kRevoked; });
    if (!usable) rule->pins.clear();
    TakeRule(imported_, *std::move(rule));
    return Ok();
  }

  static bool IsTrue(const JsonValue& entry, std::string_view key) {
    const JsonValue* value = entry.Find(key);
    return value != nullptr && value->boolean;
  }

  Result<void> AddKeys(const JsonValue& set, std::string_view list, PinUse use, HostRule& rule) {
    const JsonValue* names = set.Find(list);
    if (names == nullptr) return Ok();
    for (const JsonValue& name : names->items) {
      const auto key = keys_.find(name.text);
      if (key == keys_.end()) {
        return source_.Fail(name.offset, Code::kFormatMalformed,
                            std::string(pins_.name()) + " names no key " + Quoted(name.text));
      }
      const std::size_t before = rule.pins.size();
      Result<void> added = source_.AddPin(rule, key->second, name.offset, imported_.losses);
      if (!added) return added;
      if (rule.pins.size() == before) continue;
      rule.pins.back().pin.use = use;
      rule.pins.back().label = name.text;
    }
    return Ok();
  }

  const SourceText& source_;
  const SourceText& pins_;
  const Keys& keys_;
  ImportedPolicy imported_;
  std::unordered_map<std::string, const JsonValue*> sets_;
};

bool IsPins(const InputFile& file) { return file.name.ends_with(".pins"); }

bool IsList(const InputFile& file) {
  const std::string_view text = AsText(file.bytes);
  return text.find("\"pinsets\"") != std::string_view::npos &&
         text.find("\"entries\"") != std::string_view::npos;
}

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const auto pins = std::ranges::find_if(files, IsPins);
  const auto list = std::ranges::find_if(files, IsList);
  if (pins == files.end() || list == files.end()) {
    return Error{
        Code::kFormatMalformed,
        std::string(files.front().name) +
            ": the list is two files: the .json, and a .pins file with the keys that it names"};
  }
  const Result<SourceText> pins_source = SourceText::Open(*pins);
  if (!pins_source) return pins_source.error();
  const Result<SourceText> list_source = SourceText::Open(*list);
  if (!list_source) return list_source.error();
  const Result<Keys> keys = ReadKeys(*pins_source);
  if (!keys) return keys.error();
  const Result<JsonValue> root = ParseJson(*list_source, base::JsonComments::kSkip);
  if (!root) return root.error();
  return ListReader(*list_source, *pins_source, *keys).Read(*root);
}

bool Recognizes(std::span<const InputFile> files) {
  return std::ranges::any_of(files, IsPins) || std::ranges::any_of(files, IsList);
}

}  // namespace

extern const Format kChromiumFormat;
const Format kChromiumFormat{.name = "chromium",
                             .summary = "Chromium's preloaded pin list, two files",
                             .recognizes = Recognizes,
                             .read = Read,
                             .files = Files::kMany};

}  // namespace cotter::formats
