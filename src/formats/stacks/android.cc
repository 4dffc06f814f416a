// SPDX-License-Identifier: Apache-2.0
//
// Android's Network Security Configuration, as XML, as the binary XML of a build, or in an APK.
// How it decides is that of AOSP's XmlConfigSource and ApplicationConfig: the exact name or the
// longest domain with includeSubdomains, whose nested configurations inherit pins.
#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "formats/plan.h"
#include "formats/provenance.h"
#include "formats/source_text.h"
#include "formats/xml_tree.h"
#include "formats/zip_file.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kRoot = "network-security-config";
constexpr std::int64_t kHour = 60 * 60;
constexpr std::int64_t kDay = 24 * kHour;

// Pins end at midnight of the device's own time zone, of which the earliest is UTC+14.
constexpr std::int64_t kEarliestZone = 14 * kHour;

// Context is what a domain-config hands down to those nested in it.
struct Context {
  const XmlElement* pin_set = nullptr;
  std::vector<const XmlElement*> anchors;
};

// Domain is one <domain> with what holds for it.
struct Domain {
  const XmlElement* element = nullptr;
  HostPattern pattern;  // the name itself
  bool include_subdomains = false;
  Context context;
  bool cleartext = false;
};

class ConfigReader {
 public:
  explicit ConfigReader(const SourceText& source) : source_(source) {}

  Result<ImportedPolicy> Read(const XmlElement& root) {
    if (root.name != kRoot) return Fail(root, "expected <network-security-config>");
    ours_ = ReadProvenance(source_.text()).has_value();
    // Wherever it stands, what it trusts holds for domains that say nothing of it themselves.
    Context base;
    for (const XmlElement& child : root.children) {
      if (child.name != "base-config") continue;
      if (Result<void> read = ReadBase(child, base); !read) return read.error();
    }
    for (const XmlElement& child : root.children) {
      Result<void> read = Ok();
      if (child.name == "domain-config") read = ReadConfig(child, base, 0);
      if (child.name == "debug-overrides") {
        Lose("", Severity::kNote, "debug-overrides are for debuggable builds and not imported",
             child);
      }
      if (!read) return read.error();
    }
    for (const Domain& domain : domains_) {
      if (Result<void> made = MakeRule(domain); !made) return made.error();
    }
    return std::move(imported_);
  }

 private:
  [[nodiscard]] Error Fail(const XmlElement& at, const std::string& what) const {
    return source_.Fail(at.offset, Code::kFormatMalformed, what);
  }

  void Lose(const std::string& rule, Severity severity, const std::string& what,
            const XmlElement& at) {
    imported_.losses.push_back(
        {.rule = rule, .what = what, .severity = severity, .line = source_.Line(at.offset)});
  }

  Result<void> ReadBase(const XmlElement& base, Context& context) {
    for (const XmlElement& child : base.children) {
      if (child.name == "trust-anchors") {
        for (const XmlElement& each : child.children) context.anchors.push_back(&each);
      }
      if (child.name == "domain" || child.name == "pin-set" || child.name == "domain-config") {
        return Fail(child, "<" + child.name + "> is not allowed in base-config");
      }
    }
    return Ok();
  }

  Result<void> ReadConfig(const XmlElement& config, Context context, std::size_t depth) {
    std::size_t pin_sets = 0;
    std::size_t anchors = 0;
    for (const XmlElement& child : config.children) {
      if (child.name == "pin-set") {
        context.pin_set = &child;
        if (++pin_sets > 1) return Fail(child, "a second pin-set in one domain-config");
      }
      if (child.name == "trust-anchors") {
        context.anchors.clear();
        if (++anchors > 1) return Fail(child, "a second trust-anchors in one domain-config");
        for (const XmlElement& each : child.children) context.anchors.push_back(&each);
      }
    }
    const std::size_t before = domains_.size();
    for (const XmlElement& child : config.children) {
      if (child.name != "domain") continue;
      if (Result<void> read = ReadDomain(child, config, context); !read) return read;
    }
    if (domains_.size() == before) return Fail(config, "a domain-config without a domain");
    for (const XmlElement& child : config.children) {
      if (child.name != "domain-config") continue;
      if (Result<void> read = ReadConfig(child, context, depth + 1); !read) return read;
    }
    return Ok();
  }

  Result<void> ReadDomain(const XmlElement& element, const XmlElement& config,
                          const Context& context) {
    if (element.text.find('*') != std::string::npos) {
      return Fail(element, "a domain has no stars: use includeSubdomains");
    }
    Result<HostPattern> pattern = source_.Pattern(element.text, element.offset);
    if (!pattern) return pattern.error();
    // The words that aapt takes for a boolean, and AOSP's XmlUtils with it.
    std::string_view include = element.Attribute("includeSubdomains").value_or("false");
    if (include == "TRUE" || include == "True" || include == "1") include = "true";
    if (include == "FALSE" || include == "False" || include == "0") include = "false";
    if (include != "true" && include != "false") {
      return Fail(element, "includeSubdomains: expected true or false, found " + Quoted(include));
    }
    const auto [place, is_new] = by_name_.emplace(pattern->base().text(), domains_.size());
    if (!is_new) {
      return Fail(element,
                  Quoted(element.text) + " stands in line " +
                      std::to_string(source_.Line(domains_[place->second].element->offset)) +
                      " already");
    }
    domains_.push_back({.element = &element,
                        .pattern = *std::move(pattern),
                        .include_subdomains = include == "true",
                        .context = context,
                        .cleartext = config.Attribute("cleartextTrafficPermitted") == "true"});
    return Ok();
  }

  static bool Pins(const Domain& domain) {
    return domain.context.pin_set != nullptr &&
           std::ranges::any_of(domain.context.pin_set->children,
                               [](const XmlElement& child) { return child.name == "pin"; });
  }

  // IsCovered reports whether a wider domain pins this one's name.
  [[nodiscard]] bool IsCovered(const Domain& domain) const {
    const std::string_view name = domain.pattern.base().text();
    for (std::size_t dot = name.find('.'); dot != std::string_view::npos;
         dot = name.find('.', dot + 1)) {
      const auto wider = by_name_.find(std::string(name.substr(dot + 1)));
      if (wider == by_name_.end() || !domains_[wider->second].include_subdomains) continue;
      if (Pins(domains_[wider->second])) return true;
    }
    return false;
  }

  Result<void> MakeRule(const Domain& domain) {
    const std::string name(domain.pattern.base().text());
    Result<HostRule> rule =
        source_.NewRule(domain.include_subdomains ? "**." + name : name, domain.element->offset);
    if (!rule) return rule.error();
    if (!Pins(domain)) {
      // Without pins of its own a domain is only worth a rule where it is an exception.
      if (!ours_ && !IsCovered(domain)) return Ok();
      rule->mode = Mode::kOff;
      imported_.policy.hosts.push_back(*std::move(rule));
      return Ok();
    }
    if (Result<void> read = ReadPinSet(*domain.context.pin_set, *rule); !read) return read;
    LoseAnchors(domain, rule->pattern.ToString());
    if (domain.cleartext) {
      Lose(rule->pattern.ToString(), Severity::kNote,
           "cleartext is permitted: what goes over http is not pinned", *domain.element);
    }
    TakeRule(imported_, *std::move(rule));
    return Ok();
  }

  void LoseAnchors(const Domain& domain, const std::string& rule) {
    for (const XmlElement* anchor : domain.context.anchors) {
      const std::string from(anchor->Attribute("src").value_or("?"));
      if (anchor->Attribute("overridePins") == "true") {
        Lose(rule, Severity::kStricter,
             "pins do not hold for CAs from " + Quoted(from) + " in the app; in the policy they do",
             *anchor);
        imported_.losses.back().fault = Code::kDebugOverride;
      } else if (from != "system" && from != "user") {
        Lose(rule, Severity::kNote, "the CAs in " + Quoted(from) + " are not imported", *anchor);
      }
    }
  }

  Result<void> ReadPinSet(const XmlElement& pin_set, HostRule& rule) {
    for (const XmlElement& pin : pin_set.children) {
      if (pin.name != "pin") continue;
      const auto digest = pin.Attribute("digest");
      if (!digest) return Fail(pin, "a pin without a digest attribute");
      if (*digest != "SHA-256" && *digest != "sha-256") {
        return Fail(pin, "expected digest=\"SHA-256\", found " + Quoted(*digest));
      }
      std::string text = pin.text;
      std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
      Result<void> added = source_.AddPin(rule, text, pin.offset, imported_.losses);
      if (!added) return added;
    }
    const auto expiration = pin_set.Attribute("expiration");
    if (!expiration) return Ok();
    const std::optional<Time> day = ParseDay(*expiration);
    if (!day) {
      imported_.losses.push_back(
          source_.Break(rule, pin_set.offset, Code::kTimeInvalid,
                        "expiration: expected yyyy-MM-dd, found " + Quoted(*expiration)));
      return Ok();
    }
    // Our own exports round up to the day after, so that pins never end early in any zone.
    rule.expires = Time{day->unix_seconds - (ours_ ? kDay : 0)};
    rule.on_expiry = OnExpiry::kPki;
    Lose(rule.pattern.ToString(), Severity::kNote,
         "the pins end on " + std::string(*expiration) +
             ": from then on the host is not pinned "
             "at all; on_expiry = \"enforce\" holds on to them",
         pin_set);
    return Ok();
  }

  static std::optional<Time> ParseDay(std::string_view text) {
    std::array<unsigned, 3> parts{};
    const char* at = text.data();
    const char* const end = text.data() + text.size();
    for (unsigned& part : parts) {
      if (&part != &parts.front() && (at == end || *at++ != '-')) return std::nullopt;
      const auto [next, error] = std::from_chars(at, end, part);
      if (error != std::errc{}) return std::nullopt;
      at = next;
    }
    if (at != end || parts[0] > 9999) return std::nullopt;
    const Result<Time> time = FromCivil({.year = parts[0], .month = parts[1], .day = parts[2]});
    if (!time) return std::nullopt;
    return *time;
  }

  const SourceText& source_;
  ImportedPolicy imported_;
  std::vector<Domain> domains_;
  std::unordered_map<std::string, std::size_t> by_name_;
  bool ours_ = false;
};

Result<ImportedPolicy> ReadText(const InputFile& file) {
  const Result<SourceText> source = SourceText::Open(file);
  if (!source) return source.error();
  const Result<XmlElement> root = ParseXml(*source);
  if (!root) return root.error();
  return ConfigReader(*source).Read(*root);
}

Result<ImportedPolicy> ReadBinary(std::string_view name, ByteView bytes) {
  const SourceText source = SourceText::OfLines(name);
  const Result<XmlElement> root = ParseBinaryXml(bytes, source);
  if (!root) return root.error();
  return ConfigReader(source).Read(*root);
}

// ReadPackage looks for the configuration among the package's XML by its root element, because its
// path is the app's choice and may be shortened by the build.
Result<ImportedPolicy> ReadPackage(const InputFile& file) {
  const Result<ZipFile> zip = ZipFile::Open(file);
  if (!zip) return zip.error();
  std::string found;
  Bytes config;
  for (std::size_t i = 0; i < zip->names().size(); ++i) {
    const std::string& name = zip->names()[i];
    if (!name.starts_with("res/") || !name.ends_with(".xml")) continue;
    Result<Bytes> bytes = zip->Read(i);
    if (!bytes) return bytes.error();
    const std::string path = std::string(file.name) + "!" + name;
    if (!IsBinaryXml(*bytes)) continue;
    const Result<XmlElement> root = ParseBinaryXml(*bytes, SourceText::OfLines(path));
    if (!root || root->name != kRoot) continue;
    if (!found.empty()) {
      return Error{Code::kFormatUnknown,
                   std::string(file.name) + ": both " + found + " and " + name +
                       " are configurations: unpack the one that the manifest names"};
    }
    found = name;
    config = *std::move(bytes);
  }
  if (found.empty()) {
    return Error{Code::kPinsMissing,
                 std::string(file.name) + ": no network security configuration in this package"};
  }
  return ReadBinary(std::string(file.name) + "!" + found, config);
}

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const InputFile& file = files.front();
  if (IsZip(file.bytes)) return ReadPackage(file);
  if (IsBinaryXml(file.bytes)) return ReadBinary(file.name, file.bytes);
  return ReadText(file);
}

bool Recognizes(std::span<const InputFile> files) {
  const std::string_view text = AsText(files.front().bytes);
  if (IsBinaryXml(files.front().bytes)) return true;
  if (!IsZip(files.front().bytes)) return text.find("<network-security-config") != text.npos;
  return text.find("AndroidManifest.xml") != text.npos || files.front().name.ends_with(".apk");
}

// ExportDay is the first day whose midnight is past `expires` in every time zone.
std::string ExportDay(Time expires) {
  const std::int64_t latest = expires.unix_seconds + kEarliestZone;
  const std::int64_t days = latest / kDay + (latest % kDay > 0 ? 1 : 0);
  return FormatDate(Time{days * kDay});
}

void WriteRule(const PlanRule& rule, std::string& text) {
  text += "  <domain-config cleartextTrafficPermitted=\"false\">\n    <domain includeSubdomains=\"";
  text += rule.include_subdomains ? "true" : "false";
  text += "\">" + std::string(rule.pattern.base().text()) + "</domain>\n";
  if (rule.mode != Mode::kOff) {
    text += "    <pin-set";
    if (rule.expires) text += " expiration=\"" + ExportDay(*rule.expires) + "\"";
    text += ">\n";
    for (const PolicyPin& pin : rule.pins) {
      text += "      <pin digest=\"SHA-256\">" + FormatPinBase64(pin.pin.digest) + "</pin>";
      const std::string comment = PinComment(pin);
      text += comment.empty() ? "\n" : " <!-- " + comment + " -->\n";
    }
    text +=
        "    </pin-set>\n    <trust-anchors>\n"
        "      <certificates src=\"system\" overridePins=\"false\"/>\n    </trust-anchors>\n";
  }
  text += "  </domain-config>\n";
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  const Speech speech{.hosts = Hosts::kSuffix,
                      .places = Places::kAnywhere,
                      .exclusions = true,
                      .expiry = true,
                      .local_anchors = true};
  Result<Plan> plan = MakePlan(policy, speech, options);
  if (!plan) return plan.error();
  std::string text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!--\n" +
                     CommentBlock(policy, options, "android", "  ") + "-->\n<" +
                     std::string(kRoot) + ">\n";
  for (const PlanRule& rule : plan->rules) {
    if (rule.expires && rule.expires->unix_seconds % kDay != 0) {
      plan->Lose(rule.source->pattern.ToString(), Severity::kStricter,
                 "the pins end on a day, not at an hour: later than the policy says");
    }
    if (rule.expires) {
      plan->Lose(rule.source->pattern.ToString(), Severity::kNote,
                 "the pins end on " + ExportDay(*rule.expires) +
                     ": from then on the host is not pinned at all");
    }
    WriteRule(rule, text);
  }
  if (options.build == Build::kInsecureDebug) {
    text +=
        "  <!-- insecure, and in builds with android:debuggable alone: CAs that the user added "
        "override pins -->\n"
        "  <debug-overrides>\n    <trust-anchors>\n"
        "      <certificates src=\"user\" overridePins=\"true\"/>\n"
        "    </trust-anchors>\n  </debug-overrides>\n";
  }
  plan->Lose("", Severity::kNote,
             "WebView, Flutter and other stacks with their own TLS do not read this file");
  return Exported{text + "</" + std::string(kRoot) + ">\n", std::move(plan->losses)};
}

}  // namespace

extern const Format kAndroidFormat;
const Format kAndroidFormat{.name = "android",
                            .summary = "Android's network security configuration; an APK",
                            .recognizes = Recognizes,
                            .read = Read,
                            .write = Write,
                            .loosest = Build::kInsecureDebug};

}  // namespace cotter::formats
