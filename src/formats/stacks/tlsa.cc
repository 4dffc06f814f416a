// SPDX-License-Identifier: Apache-2.0
//
// DANE TLSA records (RFC 6698, RFC 7671) as zone lines: 3 1 1 for a leaf's key, 2 1 1 for a CA's.
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "formats/plan.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

std::string Line(const PlanRule& rule, std::uint16_t port, const PolicyPin& pin, char usage) {
  const std::string comment = PinComment(pin);
  return "_" + std::to_string(port) + "._tcp." + std::string(rule.pattern.base().text()) +
         ". IN TLSA " + usage + (pin.pin.kind == PinKind::kSpki ? " 1 1 " : " 0 1 ") +
         EncodeHex(pin.pin.digest.bytes) + (comment.empty() ? "\n" : " ; " + comment + "\n");
}

std::string Lines(const PlanRule& rule) {
  std::vector<std::uint16_t> ports = rule.ports;
  if (ports.empty()) ports.push_back(443);
  std::string text;
  for (const std::uint16_t port : ports) {
    for (const PolicyPin& pin : rule.pins) {
      if (pin.pin.place != PinPlace::kCa) text += Line(rule, port, pin, '3');
      if (pin.pin.place != PinPlace::kLeaf) text += Line(rule, port, pin, '2');
    }
  }
  return text;
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  Result<Plan> plan =
      MakePlan(policy, {.hosts = Hosts::kNames, .ports = true, .cert_pins = true}, options);
  if (!plan) return plan.error();
  std::string text = CommentBlock(policy, options, "tlsa", "; ");
  const std::size_t head = text.size();
  for (const PlanRule& rule : plan->rules) {
    const std::string name = rule.source->pattern.ToString();
    if (rule.pattern.base().is_ip()) {
      plan->Lose(name, Severity::kEnforcement, "is left out: addresses have no TLSA records");
      continue;
    }
    if (rule.ports.empty()) {
      plan->Lose(name, Severity::kEnforcement, "records are of one port: 443 alone is written");
    }
    for (const PolicyPin& pin : rule.pins) {
      if (pin.pin.place == PinPlace::kLeaf) continue;
      plan->Lose(name, Severity::kStricter,
                 FormatPin(pin.pin.digest) +
                     ": as 2 1 1 it matches only what the server sends, and servers do not send "
                     "their root");
    }
    text += Lines(rule);
  }
  if (text.size() == head) return Error{Code::kPinsMissing, plan->losses.back().what};
  if (text.find(" TLSA 3 ", head) != std::string::npos) {
    plan->Lose("", Severity::kEnforcement,
               "usage 3 takes the key for proof: a certificate with this key passes when it has "
               "expired, and under any name (RFC 7671, 5.1)");
  }
  plan->Lose("", Severity::kEnforcement,
             "OpenSSL does not look at records again when it resumes a session: after a change of "
             "records, clients must drop their sessions");
  plan->Lose("", Severity::kNote, "the zone must be signed, or the records count for nothing");
  return Exported{std::move(text), std::move(plan->losses)};
}

// Word is one word of a line and where it stands.
struct Word {
  std::string_view text;
  std::size_t offset = 0;
};

class ZoneReader {
 public:
  explicit ZoneReader(const SourceText& source) : source_(source) {}

  Result<ImportedPolicy> Read() {
    const std::string_view text = source_.text();
    std::vector<Word> words;
    bool open = false;
    for (std::size_t begin = 0; begin < text.size();) {
      std::size_t end = text.find('\n', begin);
      if (end == std::string_view::npos) end = text.size();
      if (!open) words.clear();
      Split(text.substr(begin, end - begin), begin, words, open);
      if (!open) {
        if (Result<void> read = ReadRecord(words); !read) return read.error();
      }
      begin = end + 1;
    }
    const bool ports =
        std::ranges::any_of(rules_, [](const HostRule& rule) { return !rule.ports.empty(); });
    if (ports) {
      imported_.losses.push_back({.rule = "",
                                  .what = "records are of one port: here the host's other ports "
                                          "are refused, there they are not pinned",
                                  .severity = Severity::kStricter});
    }
    for (HostRule& rule : rules_) TakeRule(imported_, std::move(rule));
    return std::move(imported_);
  }

 private:
  static void Split(std::string_view line, std::size_t offset, std::vector<Word>& words,
                    bool& open) {
    line = line.substr(0, line.find(';'));
    for (std::size_t at = 0; at < line.size();) {
      if (line[at] == '(' || line[at] == ')') open = line[at++] == '(';
      const std::size_t end = std::min(line.find_first_of(" \t\r()", at), line.size());
      if (end > at) words.push_back({line.substr(at, end - at), offset + at});
      at = end == at && at < line.size() && line[at] != '(' && line[at] != ')' ? at + 1 : end;
    }
  }

  Result<void> ReadRecord(const std::vector<Word>& words) {
    std::size_t type = 0;
    while (type < words.size() && words[type].text != "TLSA") ++type;
    if (type == words.size()) return Ok();
    if (type > 0 && words.front().text.starts_with('_')) owner_ = words.front();
    if (type > 0 && words.front().text.starts_with('*')) owner_ = words.front();
    if (!owner_) return Fail(words[type], "a TLSA record without an owner");
    if (words.size() < type + 5) return Fail(words[type], "expected usage, selector, type, data");
    std::string hex;
    for (std::size_t i = type + 4; i < words.size(); ++i) hex += words[i].text;
    return Add(words[type + 1], words[type + 2], words[type + 3], hex, words[type + 4].offset);
  }

  [[nodiscard]] Error Fail(const Word& at, const std::string& what) const {
    return source_.Fail(at.offset, Code::kFormatMalformed, what);
  }

  // RuleOf takes "_443._tcp.NAME." apart.
  Result<HostRule*> RuleOf() {
    std::string_view name = owner_->text;
    const std::string_view port = name.substr(0, name.find('.'));
    const std::size_t proto = name.find("._tcp.");
    if (proto == std::string_view::npos || proto != port.size()) {
      return Fail(*owner_, "expected an owner such as _443._tcp.api.example.com.");
    }
    const auto [place, is_new] = places_.emplace(std::string(name), rules_.size());
    if (!is_new) return &rules_[place->second];
    name.remove_prefix(proto + 6);
    Result<HostRule> rule = source_.NewRule(name, owner_->offset);
    if (!rule) return rule.error();
    if (port != "*") {
      const Result<std::uint16_t> number = ParsePort(port.substr(1));
      if (!number) return Fail(*owner_, number.error().message);
      rule->ports.push_back(*number);
    }
    rules_.push_back(*std::move(rule));
    return &rules_.back();
  }

  Result<void> Add(const Word& usage, const Word& selector, const Word& type,
                   const std::string& hex, std::size_t offset) {
    const Result<HostRule*> rule = RuleOf();
    if (!rule) return rule.error();
    const bool leaf = usage.text == "1" || usage.text == "3";
    const bool ca = usage.text == "0" || usage.text == "2";
    const bool known = (leaf || ca) && (selector.text == "0" || selector.text == "1");
    if (!known) return Fail(usage, "expected usage 0 to 3 and selector 0 or 1");
    if (type.text != "1") {
      imported_.losses.push_back({.rule = (*rule)->pattern.ToString(),
                                  .what = "a record that is no SHA-256 is left out",
                                  .severity = Severity::kStricter,
                                  .line = source_.Line(type.offset)});
      return Ok();
    }
    const std::size_t before = (*rule)->pins.size();
    Result<void> added = source_.AddPin(**rule, hex, offset, imported_.losses,
                                        leaf ? PinPlace::kLeaf : PinPlace::kCa);
    if (!added) return added;
    if (selector.text == "0" && (*rule)->pins.size() > before) {
      (*rule)->pins.back().pin.kind = PinKind::kCert;
    }
    return Ok();
  }

  const SourceText& source_;
  ImportedPolicy imported_;
  std::optional<Word> owner_;
  std::vector<HostRule> rules_;
  std::unordered_map<std::string, std::size_t> places_;
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  return ZoneReader(*source).Read();
}

bool Recognizes(std::span<const InputFile> files) {
  return AsText(files.front().bytes).find(" TLSA ") != std::string_view::npos;
}

}  // namespace

extern const Format kTlsaFormat;
const Format kTlsaFormat{.name = "tlsa",
                         .summary = "DANE TLSA records as zone lines",
                         .recognizes = Recognizes,
                         .read = Read,
                         .write = Write};

}  // namespace cotter::formats
