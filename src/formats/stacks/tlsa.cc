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
    if (words.empty()) return Ok();
    const Word& first = words.front();
    if (IsWord(first.text, "$ORIGIN") && words.size() > 1) {
      origin_ = words[1].text;
      return Ok();
    }
    if (IsWord(first.text, "$INCLUDE")) {
      Leave(first, "", "the file that $INCLUDE names is not read");
      return Ok();
    }
    // A line that begins with a space has the owner of the record before it (RFC 1035, 5.1).
    const bool named = first.offset == 0 || source_.text()[first.offset - 1] == '\n';
    if (named) owner_ = first;
    for (std::size_t type = named ? 1 : 0; type < words.size(); ++type) {
      const bool plain = IsWord(words[type].text, "TLSA");
      if (!plain && !IsWord(words[type].text, "TYPE52")) continue;
      if (!owner_) return Fail(words[type], "a TLSA record without an owner");
      std::span<const Word> data(words);
      data = data.subspan(type + 1);
      return plain ? ReadFields(words[type], data) : ReadBytes(words[type], data);
    }
    return Ok();
  }

  static bool IsWord(std::string_view text, std::string_view word) {
    return std::ranges::equal(text, word, [](char a, char b) {
      return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
    });
  }

  static std::string Joined(std::span<const Word> words) {
    std::string text;
    for (const Word& word : words) text += word.text;
    return text;
  }

  Result<void> ReadFields(const Word& at, std::span<const Word> data) {
    if (data.size() < 4) return Fail(at, "expected usage, selector, type, data");
    return Add({data[0].text, data[1].text, data[2].text}, Joined(data.subspan(3)), data[3]);
  }

  // ReadBytes reads what stands as "\# LENGTH HEX", as of a type without a name (RFC 3597, 5).
  Result<void> ReadBytes(const Word& at, std::span<const Word> data) {
    if (data.size() < 3 || data[0].text != "\\#") return Fail(at, "expected \\#, a length and hex");
    const std::string hex = Joined(data.subspan(2));
    if (hex.size() < 6 || std::to_string(hex.size() / 2) != data[1].text) {
      return Fail(data[1], "expected as many bytes as the length says");
    }
    std::string fields[3];
    for (std::size_t i = 0; i < 3; ++i) {
      fields[i] = hex[2 * i] == '0' ? hex.substr(2 * i + 1, 1) : hex.substr(2 * i, 2);
    }
    return Add({fields[0], fields[1], fields[2]}, hex.substr(6), data[2]);
  }

  // Leave tells of something that is left out, and that clients were held to.
  void Leave(const Word& at, std::string rule, std::string what) {
    imported_.losses.push_back({.rule = std::move(rule),
                                .what = std::move(what),
                                .severity = Severity::kEnforcement,
                                .line = source_.Line(at.offset)});
  }

  [[nodiscard]] Error Fail(const Word& at, const std::string& what) const {
    return source_.Fail(at.offset, Code::kFormatMalformed, what);
  }

  // FullOwner is the owner's name, with the origin behind it where it is a relative one.
  [[nodiscard]] std::string FullOwner() const {
    std::string name(owner_->text);
    if (!name.ends_with('.') && !origin_.empty()) name.append(".").append(origin_);
    return name;
  }

  // RuleOf takes "_443._tcp.NAME." apart; null for an owner that names no port of TCP, as one that
  // a CNAME leads to.
  Result<HostRule*> RuleOf() {
    const std::string full = FullOwner();
    std::string_view name = full;
    const std::string_view port = name.substr(0, name.find('.'));
    const std::size_t proto = name.find("._tcp.");
    if (proto != port.size() || (port != "*" && !port.starts_with('_'))) {
      Leave(*owner_, "", "a record of " + full + " is left out: its owner names no port of TCP");
      return nullptr;
    }
    const auto [place, is_new] = places_.emplace(full, rules_.size());
    if (!is_new) return &rules_[place->second];
    name.remove_prefix(proto + 6);
    Result<HostRule> rule = source_.NewRule(name, owner_->offset);
    if (!rule) return rule.error();
    if (!name.ends_with('.')) {
      imported_.losses.push_back({.rule = rule->pattern.ToString(),
                                  .what = "without $ORIGIN the name is taken for a whole one",
                                  .line = rule->line});
    }
    if (port != "*") {
      const Result<std::uint16_t> number = ParsePort(port.substr(1));
      if (!number) return Fail(*owner_, number.error().message);
      rule->ports.push_back(*number);
    }
    rules_.push_back(*std::move(rule));
    return &rules_.back();
  }

  struct Fields {
    std::string_view usage;
    std::string_view selector;
    std::string_view type;
  };

  Result<void> Add(const Fields& fields, const std::string& hex, const Word& at) {
    const Result<HostRule*> found = RuleOf();
    if (!found) return found.error();
    if (*found == nullptr) return Ok();
    HostRule& rule = **found;
    const bool leaf = fields.usage == "1" || fields.usage == "3";
    const bool ca = fields.usage == "0" || fields.usage == "2";
    const bool known = (leaf || ca) && (fields.selector == "0" || fields.selector == "1");
    if (!known) return Fail(at, "expected usage 0 to 3 and selector 0 or 1");
    if (fields.type != "1") {
      imported_.losses.push_back({.rule = rule.pattern.ToString(),
                                  .what = "a record that is no SHA-256 is left out",
                                  .severity = Severity::kStricter,
                                  .line = source_.Line(at.offset)});
      return Ok();
    }
    const std::size_t before = rule.pins.size();
    Result<void> added = source_.AddPin(rule, hex, at.offset, imported_.losses,
                                        leaf ? PinPlace::kLeaf : PinPlace::kCa);
    if (!added) return added;
    if (fields.selector == "0" && rule.pins.size() > before) {
      rule.pins.back().pin.kind = PinKind::kCert;
    }
    return Ok();
  }

  const SourceText& source_;
  ImportedPolicy imported_;
  std::optional<Word> owner_;
  std::string origin_;  // of relative names; empty: not known
  std::vector<HostRule> rules_;
  std::unordered_map<std::string, std::size_t> places_;
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  return ZoneReader(*source).Read();
}

bool Recognizes(std::span<const InputFile> files) {
  const std::string_view text = AsText(files.front().bytes);
  for (const std::string_view word : {"TLSA", "tlsa", "TYPE52"}) {
    for (std::size_t at = text.find(word); at != std::string_view::npos;
         at = text.find(word, at + 1)) {
      const std::size_t end = at + word.size();
      const bool alone = at > 0 && end < text.size() &&
                         (text[at - 1] == ' ' || text[at - 1] == '\t') &&
                         (text[end] == ' ' || text[end] == '\t');
      if (alone) return true;
    }
  }
  return false;
}

}  // namespace

extern const Format kTlsaFormat;
const Format kTlsaFormat{.name = "tlsa",
                         .summary = "DANE TLSA records as zone lines",
                         .recognizes = Recognizes,
                         .read = Read,
                         .write = Write};

}  // namespace cotter::formats
