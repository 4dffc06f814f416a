// SPDX-License-Identifier: Apache-2.0
//
// TrustKit's TSKConfiguration, in an Info.plist, or as a literal in Swift and Objective-C, which is
// read and not written. Its look-up is the exact domain, else the longest
// parent with TSKIncludeSubdomains.
#include <algorithm>
#include <utility>

#include "formats/code_literal.h"
#include "formats/info_plist.h"
#include "formats/plan.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kDomains = "TSKPinnedDomains";
constexpr std::string_view kCodeKey = "kTSKPinnedDomains";

constexpr std::int64_t kDay = 24 * 60 * 60;

// The key that TrustKit's code reads (TSKTrustKitConfig.m) is not the one that its header names.
constexpr std::string_view kExclude = "kSKExcludeSubdomainFromParentPolicy";
constexpr std::string_view kDocumentedExclude = "TSKExcludeSubdomainFromParentPolicy";

// IsTrue is what -[NSNumber boolValue] and -[NSString boolValue] say; `otherwise` where there is
// nothing that says it.
bool IsTrue(const PlistValue& entry, std::string_view key, bool otherwise) {
  const PlistValue* value = entry.Find(key);
  if (value == nullptr) return otherwise;
  if (value->kind == PlistValue::Kind::kBoolean) return value->boolean;
  if (value->kind != PlistValue::Kind::kString) return otherwise;
  return value->text.find_first_of("YyTt123456789") == 0;
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

void TellRunTime(ImportedPolicy& imported, std::string what, Severity severity,
                 std::uint32_t line) {
  imported.losses.push_back({.rule = "",
                             .what = std::move(what) + " made at run time is left out",
                             .severity = severity,
                             .line = line});
}

// TakeKnownPins drops the pins that are made at run time; false where all of them are.
bool TakeKnownPins(PlistValue& entry, std::uint32_t line, ImportedPolicy& imported) {
  for (auto& [key, value] : entry.members) {
    if (key != "TSKPublicKeyHashes") continue;
    if (value.kind != PlistValue::Kind::kArray) return false;
    const std::size_t dropped = std::erase_if(
        value.items, [](const PlistValue& item) { return item.kind != PlistValue::Kind::kString; });
    if (dropped > 0) TellRunTime(imported, "a pin", Severity::kStricter, line);
  }
  return true;
}

Result<void> ReadCodeDomains(const Plist& plist, PlistValue domains, std::uint32_t line,
                             ImportedPolicy& imported) {
  if (domains.kind != PlistValue::Kind::kDictionary) {
    TellRunTime(imported, "a dictionary of domains", Severity::kEnforcement, line);
    return Ok();
  }
  for (auto& [name, entry] : domains.members) {
    const bool known = !name.empty() && entry.kind == PlistValue::Kind::kDictionary;
    if (!known || !TakeKnownPins(entry, line, imported)) {
      TellRunTime(imported, name.empty() ? "a domain" : name + ": what is", Severity::kEnforcement,
                  line);
      continue;
    }
    if (Result<void> read = ReadDomain(plist, name, entry, imported); !read) return read;
  }
  return Ok();
}

Result<ImportedPolicy> ReadCode(const InputFile& file) {
  const Result<SourceText> source = SourceText::Open(file);
  if (!source) return source.error();
  const Result<SourceCode> code = SourceCode::Read(*source);
  if (!code) return code.error();
  const Plist plist{.root = {}, .source = *source};
  const std::vector<Token>& tokens = code->tokens();
  ImportedPolicy imported;
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (tokens[i].text != kCodeKey && tokens[i].text != kDomains) continue;
    // config[kTSKPinnedDomains] = …
    std::size_t at = tokens[i + 1].Is("]") ? i + 2 : i + 1;
    if (!tokens[at].Is(":") && !tokens[at].Is("=")) continue;
    PlistValue domains = ReadLiteral(*code, ++at);
    Result<void> read =
        ReadCodeDomains(plist, std::move(domains), source->Line(tokens[i].offset), imported);
    if (!read) return read.error();
  }
  return imported;
}

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const bool is_code = !LooksLikePlist(files.front(), kDomains) &&
                       AsText(files.front().bytes).find(kDomains) != std::string_view::npos;
  if (is_code) return ReadCode(files.front());
  return ReadDomains(files.front(), {.above = "TSKConfiguration", .key = kDomains}, ReadDomain);
}

bool Recognizes(std::span<const InputFile> files) {
  return LooksLikePlist(files.front(), "TSKConfiguration") ||
         AsText(files.front().bytes).find(kDomains) != std::string_view::npos ||
         LooksLikePlist(files.front(), kDomains);
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
                             .summary = "TrustKit's configuration in an Info.plist, or in code",
                             .recognizes = Recognizes,
                             .read = Read,
                             .write = Write,
                             .loosest = Build::kInsecureDebug};

}  // namespace cotter::formats
