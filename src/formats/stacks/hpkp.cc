// SPDX-License-Identifier: Apache-2.0
//
// Public-Key-Pins headers (RFC 7469). No browser honours them any more: they are read, and judged,
// and written only where that is asked for. A header does not name its host, so a comment line
// "# HOST" above it does.
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "formats/plan.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kHeader = "public-key-pins:";
constexpr std::string_view kReportOnly = "public-key-pins-report-only:";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

class HeaderReader {
 public:
  explicit HeaderReader(const SourceText& source) : source_(source) {}

  Result<ImportedPolicy> Read() {
    const std::string_view text = source_.text();
    for (std::size_t begin = 0; begin < text.size();) {
      std::size_t end = text.find('\n', begin);
      if (end == std::string_view::npos) end = text.size();
      const std::string_view line = Trim(text.substr(begin, end - begin));
      const std::string lower = Lower(line);
      Result<void> read = Ok();
      if (lower.starts_with(kHeader)) {
        read = ReadHeader(line.substr(kHeader.size()), begin, Mode::kEnforce);
      } else if (lower.starts_with(kReportOnly)) {
        read = ReadHeader(line.substr(kReportOnly.size()), begin, Mode::kReport);
      } else if (line.starts_with("# ") && HostPattern::Parse(line.substr(2))) {
        host_ = line.substr(2);
      } else if (lower.starts_with("host:")) {
        host_ = Trim(line.substr(5));
      }
      if (!read) return read.error();
      begin = end + 1;
    }
    return std::move(imported_);
  }

 private:
  // Directive is one `name` or `name=value`; a value may be quoted.
  struct Directive {
    std::string name;  // lower case
    std::string_view value;
  };

  static Directive TakeDirective(std::string_view& rest) {
    std::size_t end = 0;
    bool quoted = false;
    for (; end < rest.size() && (quoted || rest[end] != ';'); ++end) {
      if (rest[end] == '"') quoted = !quoted;
    }
    const std::string_view directive = Trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = directive.find('=');
    std::string_view value =
        equals == std::string_view::npos ? std::string_view() : Trim(directive.substr(equals + 1));
    if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
      value = value.substr(1, value.size() - 2);
    }
    return {Lower(Trim(directive.substr(0, equals))), value};
  }

  Result<void> ReadHeader(std::string_view value, std::size_t offset, Mode mode) {
    if (host_.empty()) {
      return source_.Fail(offset, Code::kFormatMalformed,
                          "a header does not name its host: write \"# HOST\" in the line above");
    }
    Result<HostRule> rule = source_.NewRule(host_, offset);
    if (!rule) return rule.error();
    rule->mode = mode;
    const std::string kind = mode == Mode::kEnforce ? "enforced " : "reported ";
    if (!seen_.insert(kind + rule->pattern.ToString()).second) {
      Tell(*rule,
           "a second header of the host is left out: the first alone counts (RFC 7469, 2.3.1)");
      return Ok();
    }
    std::optional<std::string_view> age;
    bool all = false;
    while (!value.empty()) {
      const Directive directive = TakeDirective(value);
      if (directive.name == "max-age") age = directive.value;
      all = all || directive.name == "includesubdomains";
      if (directive.name != "pin-sha256") continue;
      Result<void> added =
          source_.AddPin(*rule, directive.value, OffsetOf(directive.value), imported_.losses);
      if (!added) return added;
    }
    if (!age && mode == Mode::kEnforce) {
      return source_.Fail(offset, Code::kFormatMalformed, "max-age is missing (RFC 7469, 2.1.2)");
    }
    if (age && (age->empty() || age->find_first_not_of("0123456789") != std::string_view::npos)) {
      return source_.Fail(OffsetOf(*age), Code::kFormatMalformed,
                          "max-age: expected seconds, found " + Quoted(*age));
    }
    if (age && age->find_first_not_of('0') == std::string_view::npos) {
      Tell(*rule, "max-age=0 takes the host's pins back: it is left out (RFC 7469, 2.3.1)");
      return Ok();
    }
    if (all) {
      Result<HostPattern> pattern = source_.Pattern("**." + host_, offset);
      if (!pattern) return pattern.error();
      rule->pattern = *std::move(pattern);
    }
    Judge(*rule);
    TakeHeader(*std::move(rule));
    return Ok();
  }

  // A host may be enforced and reported at once; a rule here is one of the two.
  void TakeHeader(HostRule rule) {
    std::vector<HostRule>& hosts = imported_.policy.hosts;
    const auto [place, is_new] = places_.emplace(rule.pattern.ToString(), hosts.size());
    if (is_new) {
      TakeRule(imported_, std::move(rule));
      if (place->second == hosts.size()) places_.erase(place);  // it had no usable pin
      return;
    }
    Tell(rule, "the report-only header beside the enforced one is left out");
    if (rule.mode == Mode::kEnforce && !rule.pins.empty()) hosts[place->second] = std::move(rule);
  }

  void Judge(const HostRule& rule) {
    if (rule.pins.size() < 2) {
      Tell(rule, "fewer than two pins: clients had to ignore the header (RFC 7469, 2.5)");
    }
    Tell(rule, "the header is a dead standard: no browser honours it; max-age is not imported");
  }

  void Tell(const HostRule& rule, std::string what) {
    imported_.losses.push_back(
        {.rule = rule.pattern.ToString(), .what = std::move(what), .line = rule.line});
  }

  // OffsetOf is where a part of the text stands.
  [[nodiscard]] std::size_t OffsetOf(std::string_view part) const {
    return part.data() == nullptr ? 0
                                  : static_cast<std::size_t>(part.data() - source_.text().data());
  }

  const SourceText& source_;
  ImportedPolicy imported_;
  std::string host_;
  std::unordered_set<std::string> seen_;                 // "enforced HOST", "reported HOST"
  std::unordered_map<std::string, std::size_t> places_;  // of rules, by pattern
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  return HeaderReader(*source).Read();
}

bool Recognizes(std::span<const InputFile> files) {
  const std::string_view text = AsText(files.front().bytes);
  return text.find("Public-Key-Pins") != std::string_view::npos ||
         text.find("public-key-pins") != std::string_view::npos;
}

std::string Header(const PlanRule& rule) {
  std::string text =
      rule.mode == Mode::kReport ? "Public-Key-Pins-Report-Only:" : "Public-Key-Pins:";
  for (const PolicyPin& pin : rule.pins) {
    text += " pin-sha256=\"" + FormatPinBase64(pin.pin.digest) + "\";";
  }
  text += " max-age=5184000";
  return text + (rule.include_subdomains ? "; includeSubDomains\n" : "\n");
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  if (options.dead_standard != DeadStandard::kWrite) {
    return Error{Code::kUsage,
                 "no browser honours Public-Key-Pins any more: --dead-standard writes it anyway"};
  }
  Result<Plan> plan = MakePlan(
      policy, {.hosts = Hosts::kSuffix, .places = Places::kAnywhere, .report = true}, options);
  if (!plan) return plan.error();
  std::string text = CommentBlock(policy, options, "hpkp", "# ");
  for (const PlanRule& rule : plan->rules) {
    if (rule.pins.size() < 2) {
      plan->Lose(rule.source->pattern.ToString(), Severity::kEnforcement,
                 "one pin alone: clients had to ignore the header (RFC 7469, 2.5)");
    }
    text += "# " + std::string(rule.pattern.base().text()) + "\n" + Header(rule);
  }
  plan->Lose("", Severity::kEnforcement, "no browser honours this header");
  return Exported{std::move(text), std::move(plan->losses)};
}

}  // namespace

extern const Format kHpkpFormat;
const Format kHpkpFormat{.name = "hpkp",
                         .summary = "Public-Key-Pins headers, a dead standard",
                         .recognizes = Recognizes,
                         .read = Read,
                         .write = Write};

}  // namespace cotter::formats
