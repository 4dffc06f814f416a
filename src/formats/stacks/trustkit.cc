// SPDX-License-Identifier: Apache-2.0
//
// TrustKit's TSKConfiguration, in an Info.plist. Its look-up is the exact domain, else the longest
// parent with TSKIncludeSubdomains.
#include <algorithm>
#include <utility>

#include "formats/info_plist.h"
#include "formats/plan.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;

// The key that TrustKit's code reads (TSKTrustKitConfig.m) is not the one that its header names.
constexpr std::string_view kExclude = "kSKExcludeSubdomainFromParentPolicy";
constexpr std::string_view kDocumentedExclude = "TSKExcludeSubdomainFromParentPolicy";

bool IsTrue(const PlistValue& entry, std::string_view key, bool absent) {
  const PlistValue* value = entry.Find(key);
  return value == nullptr ? absent : value->boolean;
}

Result<void> ReadPins(const Plist& plist, const PlistValue& entry, const std::string& where,
                      HostRule& rule, ImportedPolicy& imported) {
  const PlistValue* hashes = entry.Find("TSKPublicKeyHashes");
  if (hashes == nullptr || hashes->kind != PlistValue::Kind::kArray) {
    return WrongWord(plist, rule.pattern.base().text(), Code::kFormatMalformed,
                     where + ": expected an array TSKPublicKeyHashes");
  }
  for (const PlistValue& hash : hashes->items) {
    const std::size_t told = imported.losses.size();
    Result<void> added =
        plist.source.AddPin(rule, hash.text, plist.Where(hash.text), imported.losses);
    if (!added) return added;
    if (imported.losses.size() > told) imported.losses.back().what += " (" + where + ")";
  }
  return Ok();
}

Result<void> ReadDomain(const Plist& plist, const std::string& name, const PlistValue& entry,
                        ImportedPolicy& imported) {
  const std::string where = "TSKPinnedDomains." + name;
  if (entry.kind != PlistValue::Kind::kDictionary) {
    return WrongWord(plist, name, Code::kFormatMalformed, where + ": expected a dictionary");
  }
  const bool all = IsTrue(entry, "TSKIncludeSubdomains", false);
  Result<HostRule> rule = plist.source.NewRule((all ? "**." : "") + name, plist.Where(name));
  if (!rule) return rule.error();
  if (IsTrue(entry, kExclude, false) || IsTrue(entry, kDocumentedExclude, false)) {
    rule->mode = Mode::kOff;
    imported.policy.hosts.push_back(*std::move(rule));
    return Ok();
  }
  if (Result<void> read = ReadPins(plist, entry, where, *rule, imported); !read) return read;
  if (!IsTrue(entry, "TSKEnforcePinning", true)) rule->mode = Mode::kReport;
  if (const PlistValue* date = entry.Find("TSKExpirationDate")) {
    const Result<Time> time = ParseTime(date->text);
    if (!time || date->text.size() != 10) {
      // TrustKit drops a date it cannot read and then pins for ever.
      imported.losses.push_back(plist.source.Break(
          *rule, plist.Where(date->text), Code::kTimeInvalid,
          where + ".TSKExpirationDate: expected yyyy-MM-dd, found " + Quoted(date->text)));
    } else {
      rule->expires = *time;
      rule->on_expiry = OnExpiry::kPki;
    }
  }
  if (entry.Find("TSKReportUris") != nullptr) {
    imported.losses.push_back({.rule = rule->pattern.ToString(),
                               .what = "the addresses that reports go to are not imported",
                               .line = rule->line});
  }
  TakeRule(imported, *std::move(rule));
  return Ok();
}

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  return ReadDomains(files.front(), {.above = "TSKConfiguration", .key = "TSKPinnedDomains"},
                     ReadDomain);
}

bool Recognizes(std::span<const InputFile> files) {
  return LooksLikePlist(files.front(), "TSKConfiguration") ||
         LooksLikePlist(files.front(), "TSKPinnedDomains");
}

std::string WriteRule(const PlanRule& rule) {
  const std::string indent = "        ";
  const auto flag = [&](std::string_view key, bool value) {
    return indent + "<key>" + std::string(key) + "</key>\n" + indent +
           (value ? "<true/>\n" : "<false/>\n");
  };
  std::string text =
      "      <key>" + std::string(rule.pattern.base().text()) + "</key>\n      <dict>\n";
  if (rule.mode == Mode::kOff) return text + flag(kExclude, true) + "      </dict>\n";
  text += flag("TSKIncludeSubdomains", rule.include_subdomains);
  text += flag("TSKEnforcePinning", rule.mode == Mode::kEnforce);
  text += flag("TSKDisableDefaultReportUri", true);
  if (rule.expires) {
    const std::int64_t days = (rule.expires->unix_seconds + kDay - 1) / kDay;
    text += indent + "<key>TSKExpirationDate</key>\n" + indent + "<string>" +
            FormatDate(Time{days * kDay}) + "</string>\n";
  }
  text += indent + "<key>TSKPublicKeyHashes</key>\n" + indent + "<array>\n";
  for (const PolicyPin& pin : rule.pins) {
    const std::string comment = PinComment(pin);
    text += indent + "  <string>" + FormatPinBase64(pin.pin.digest) + "</string>";
    text += comment.empty() ? "\n" : " <!-- " + comment + " -->\n";
  }
  return text + indent + "</array>\n      </dict>\n";
}

// CanPin tells whether TrustKit takes the domain: it ends the app at start where it does not.
bool CanPin(Plan& plan, const PlanRule& rule) {
  const std::string name = rule.source->pattern.ToString();
  if (rule.pattern.base().is_ip() ||
      rule.pattern.base().text().find('.') == std::string_view::npos) {
    if (rule.mode != Mode::kOff) {
      plan.LeaveOut(name, "TrustKit takes no addresses and no names without a public suffix");
    }
    return false;
  }
  if (rule.mode == Mode::kOff && rule.include_subdomains) {
    plan.Lose(name, Severity::kStricter, "the name alone is left out, not what is below it");
  }
  if (rule.mode == Mode::kOff || rule.pins.size() >= 2) return true;
  plan.LeaveOut(name, "TrustKit wants at least two pins, and ends the app without");
  return false;
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  const Speech speech{.hosts = Hosts::kSuffix,
                      .places = Places::kAnywhere,
                      .exclusions = true,
                      .report = true,
                      .expiry = true};
  Result<Plan> plan = MakePlan(policy, speech, options);
  if (!plan) return plan.error();
  std::string text =
      "  <key>TSKConfiguration</key>\n  <dict>\n    <key>TSKSwizzleNetworkDelegates</key>\n"
      "    <false/>\n    <key>TSKPinnedDomains</key>\n    <dict>\n";
  std::size_t written = 0;
  for (const PlanRule& rule : plan->rules) {
    if (!CanPin(*plan, rule)) continue;
    if (rule.expires && rule.expires->unix_seconds % kDay != 0) {
      plan->Lose(rule.source->pattern.ToString(), Severity::kStricter,
                 "the pins end on a day, not at an hour: later than the policy says");
    }
    text += WriteRule(rule);
    ++written;
  }
  if (written == 0) return Error{Code::kPinsMissing, plan->losses.back().what};
  plan->Lose("", Severity::kNote,
             "TrustKit looks names up as the app spells them: give it no trailing dot and no "
             "upper case, or the host is not pinned");
  text += "    </dict>\n  </dict>\n";
  return Exported{InfoPlist(CommentBlock(policy, options, "trustkit", "  "), text, options.build),
                  std::move(plan->losses)};
}

}  // namespace

extern const Format kTrustkitFormat;
const Format kTrustkitFormat{.name = "trustkit",
                             .summary = "TrustKit's configuration in an Info.plist",
                             .recognizes = Recognizes,
                             .read = Read,
                             .write = Write,
                             .loosest = Build::kInsecureDebug};

}  // namespace cotter::formats
