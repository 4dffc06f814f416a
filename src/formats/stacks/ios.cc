// SPDX-License-Identifier: Apache-2.0
//
// Apple's NSPinnedDomains (iOS 14 and later), in an Info.plist or an IPA. Leaf and CA identities
// are both wanted where both are given, so the two lists are our require = "leaf+ca".
#include <algorithm>
#include <utility>

#include "formats/info_plist.h"
#include "formats/plan.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kLeafKey = "NSPinnedLeafIdentities";
constexpr std::string_view kCaKey = "NSPinnedCAIdentities";
constexpr std::string_view kPinKey = "SPKI-SHA256-BASE64";

Error Wrong(const Plist& plist, std::string_view word, const std::string& what) {
  return WrongWord(plist, word, Code::kFormatMalformed, what);
}

Result<std::size_t> ReadList(const Plist& plist, const PlistValue& entry, std::string_view key,
                             PinPlace place, HostRule& rule, ImportedPolicy& imported) {
  const PlistValue* list = entry.Find(key);
  if (list == nullptr) return std::size_t{0};
  const std::string where = "NSPinnedDomains." + rule.pattern.ToString() + "." + std::string(key);
  if (list->kind != PlistValue::Kind::kArray)
    return Wrong(plist, key, where + ": expected an array");
  for (const PlistValue& item : list->items) {
    const PlistValue* pin = item.Find(kPinKey);
    if (pin == nullptr || pin->kind != PlistValue::Kind::kString) {
      return Wrong(plist, key, where + ": expected dictionaries with " + std::string(kPinKey));
    }
    const std::size_t told = imported.losses.size();
    Result<void> added =
        plist.source.AddPin(rule, pin->text, plist.Where(pin->text), imported.losses, place);
    if (!added) return added.error();
    if (imported.losses.size() > told) imported.losses.back().what += " (" + where + ")";
  }
  return list->items.size();
}

Result<void> ReadDomain(const Plist& plist, const std::string& name, const PlistValue& entry,
                        ImportedPolicy& imported) {
  if (entry.kind != PlistValue::Kind::kDictionary) {
    return Wrong(plist, name, "NSPinnedDomains." + name + ": expected a dictionary");
  }
  const PlistValue* include = entry.Find("NSIncludesSubdomains");
  const bool all = include != nullptr && include->boolean;
  Result<HostRule> rule = plist.source.NewRule((all ? "**." : "") + name, plist.Where(name));
  if (!rule) return rule.error();
  const Result<std::size_t> cas = ReadList(plist, entry, kCaKey, PinPlace::kCa, *rule, imported);
  if (!cas) return cas.error();
  const Result<std::size_t> leaves =
      ReadList(plist, entry, kLeafKey, PinPlace::kLeaf, *rule, imported);
  if (!leaves) return leaves.error();
  if (*cas > 0 && *leaves > 0) rule->require = Require::kLeafAndCa;
  if (*cas == 0 && *leaves == 0) rule->mode = Mode::kOff;
  TakeRule(imported, *std::move(rule));
  return Ok();
}

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  Result<ImportedPolicy> imported = ReadDomains(
      files.front(), {.above = "NSAppTransportSecurity", .key = "NSPinnedDomains"}, ReadDomain);
  if (imported && LooksLikePlist(files.front(), "TSKConfiguration")) {
    imported->losses.push_back({.rule = "",
                                .what = "the TrustKit configuration beside it is not imported: "
                                        "--from trustkit does that"});
  }
  return imported;
}

// An IPA is Apple's unless TrustKit has pins in it, so that reading says what is wrong with it.
bool Recognizes(std::span<const InputFile> files) {
  const InputFile& file = files.front();
  return LooksLikePlist(file, "NSPinnedDomains") ||
         (IsAppPackage(file) && !LooksLikePlist(file, "TSKConfiguration") &&
          !LooksLikePlist(file, "TSKPinnedDomains"));
}

void WriteList(std::string_view key, PinPlace place, const PlanRule& rule, std::string& text) {
  const auto stands = [&](const PolicyPin& pin) { return pin.pin.place == place; };
  if (std::ranges::none_of(rule.pins, stands)) return;
  text += "          <key>" + std::string(key) + "</key>\n          <array>\n";
  for (const PolicyPin& pin : rule.pins) {
    if (!stands(pin)) continue;
    const std::string comment = PinComment(pin);
    text += "            <dict><key>" + std::string(kPinKey) + "</key><string>" +
            FormatPinBase64(pin.pin.digest) + "</string></dict>";
    text += comment.empty() ? "\n" : " <!-- " + comment + " -->\n";
  }
  text += "          </array>\n";
}

// FitLists decides which of the two lists each pin goes to. Both lists are wanted together, so
// require = "any" has to choose one; and a pin for any place must be the key of a leaf or of a CA.
void FitLists(Plan& plan, PlanRule& rule) {
  const auto has = [&](PinPlace place) {
    return std::ranges::any_of(rule.pins,
                               [&](const PolicyPin& pin) { return pin.pin.place == place; });
  };
  const std::string name = rule.source->pattern.ToString();
  const bool both = rule.require == Require::kLeafAndCa;
  if (has(PinPlace::kAny)) {
    const PinPlace place = both && !has(PinPlace::kCa) ? PinPlace::kCa : PinPlace::kLeaf;
    for (PolicyPin& pin : rule.pins) {
      if (pin.pin.place == PinPlace::kAny) pin.pin.place = place;
    }
    plan.Lose(name, Severity::kStricter,
              place == PinPlace::kLeaf
                  ? "pins with place = \"any\" are written as leaf identities, where a CA's key "
                    "never matches: give every pin its place"
                  : "pins with place = \"any\" are written as CA identities, where a leaf's key "
                    "never matches: give every pin its place");
  }
  if (both || !has(PinPlace::kLeaf) || !has(PinPlace::kCa)) return;
  std::erase_if(rule.pins, [](const PolicyPin& pin) { return pin.pin.place == PinPlace::kCa; });
  plan.Lose(name, Severity::kStricter,
            "the CA pins are left out: beside leaf identities both would have to match");
}

void WriteRule(const PlanRule& rule, std::string& text) {
  text += "        <key>" + std::string(rule.pattern.base().text()) + "</key>\n        <dict>\n";
  text += "          <key>NSIncludesSubdomains</key>\n          <";
  text += rule.include_subdomains ? "true/>\n" : "false/>\n";
  WriteList(kCaKey, PinPlace::kCa, rule, text);
  WriteList(kLeafKey, PinPlace::kLeaf, rule, text);
  text += "        </dict>\n";
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  const Speech speech{.hosts = Hosts::kSuffix, .exclusions = true, .leaf_and_ca = true};
  Result<Plan> plan = MakePlan(policy, speech, options);
  if (!plan) return plan.error();
  std::string text =
      "  <key>NSAppTransportSecurity</key>\n  <dict>\n"
      "    <key>NSPinnedDomains</key>\n      <dict>\n";
  for (PlanRule& rule : plan->rules) {
    const std::string name = rule.source->pattern.ToString();
    if (rule.pattern.base().is_ip()) {
      if (rule.mode != Mode::kOff) {
        plan->Lose(name, Severity::kEnforcement, "is left out: addresses cannot be pinned");
      }
      continue;
    }
    FitLists(*plan, rule);
    WriteRule(rule, text);
  }
  plan->Lose("", Severity::kNote,
             "iOS 14 and later alone; WKWebView and SFSafariViewController are not covered");
  text += "      </dict>\n  </dict>\n";
  return Exported{InfoPlist(CommentBlock(policy, options, "ios", "  "), text, options.build),
                  std::move(plan->losses)};
}

}  // namespace

extern const Format kIosFormat;
const Format kIosFormat{.name = "ios",
                        .summary = "Apple's NSPinnedDomains in an Info.plist; an IPA",
                        .recognizes = Recognizes,
                        .read = Read,
                        .write = Write,
                        .loosest = Build::kInsecureDebug};

}  // namespace cotter::formats
