// SPDX-License-Identifier: Apache-2.0
//
// Public-Key-Pins headers (RFC 7469), as a server sends them and as nginx, Apache and HAProxy are
// told to. No browser honours them any more: they are read, and judged, and written only where that
// is asked for. A header does not name its host: a comment line "# HOST" above it does, the
// server's name in a configuration, or whoever imports it.
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "formats/plan.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kHeader = "public-key-pins";
constexpr std::string_view kReportOnly = "-report-only";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// FirstWord takes the first word off a line.
std::string_view FirstWord(std::string_view& line) {
  const std::size_t end = std::min(line.find_first_of(" \t;"), line.size());
  const std::string_view word = line.substr(0, end);
  line = Trim(line.substr(end));
  return word;
}

// Value is what stands in quotes at the front of `text`, over several lines where it does: nginx
// takes either quotes, Apache and HAProxy put a backslash in front of the inner ones.
std::optional<std::string_view> QuotedValue(std::string_view text) {
  const std::size_t quote = text.find_first_not_of(" \t");
  if (quote == std::string_view::npos || (text[quote] != '"' && text[quote] != '\'')) {
    return std::nullopt;
  }
  for (std::size_t i = quote + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[quote]) {
      return text.substr(quote + 1, i - quote - 1);
    }
  }
  return std::nullopt;
}

class HeaderReader {
 public:
  HeaderReader(const SourceText& source, std::string_view host) : source_(source) {
    if (!host.empty()) hosts_.emplace_back(host);
  }

  Result<ImportedPolicy> Read() {
    const std::string_view text = source_.text();
    for (std::size_t begin = 0; begin < text.size();) {
      std::size_t end = std::min(text.find('\n', begin), text.size());
      std::string_view line = Trim(text.substr(begin, end - begin));
      if (line.starts_with("< ")) line = Trim(line.substr(2));  // as curl --verbose prints headers
      NoteHost(line);
      const std::size_t name = Lower(line).find(kHeader);
      if (name != std::string_view::npos && !line.starts_with('#')) {
        const std::size_t offset = OffsetOf(line) + name;
        Result<std::size_t> read = ReadLine(line, offset, name == 0);
        if (!read) return read.error();
        end = std::max(end, *read);
      }
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

  // NoteHost takes down whose headers those of the next lines are.
  void NoteHost(std::string_view line) {
    if (line.starts_with("# ") && HostPattern::Parse(line.substr(2))) {
      hosts_ = {std::string(line.substr(2))};
      return;
    }
    const std::string first = Lower(FirstWord(line));
    if (first == "host:") hosts_ = {std::string(line)};
    const bool begins = first == "server" || first == "<virtualhost";
    if (begins && named_) hosts_.clear();  // of the block before
    const bool names = first == "server_name" || first == "servername" || first == "serveralias";
    if (!names) return;
    if (first != "serveralias") hosts_.clear();
    named_ = true;
    while (!line.empty()) {
      const std::string_view name = FirstWord(line);
      const Result<HostPattern> pattern = HostPattern::Parse(name);
      if (pattern && pattern->kind() == HostPattern::Kind::kExact) hosts_.emplace_back(name);
      if (line.starts_with(';')) break;
    }
  }

  // ReadLine reads the header whose name stands at `offset`, and says where it ends.
  Result<std::size_t> ReadLine(std::string_view line, std::size_t offset, bool is_first) {
    const std::string_view text = source_.text();
    const std::size_t line_end = OffsetOf(line) + line.size();
    std::size_t at = offset + kHeader.size();
    Mode mode = Mode::kEnforce;
    if (Lower(text.substr(at, kReportOnly.size())) == kReportOnly) {
      mode = Mode::kReport;
      at += kReportOnly.size();
    }
    if (is_first && at < text.size() && text[at] == ':') {
      Result<void> read = ReadHeaders(text.substr(at + 1, line_end - at - 1), offset, mode);
      return read ? Result<std::size_t>(line_end) : read.error();
    }
    const std::string directive = Lower(FirstWord(line));
    if (directive != "add_header" && directive != "header" && directive != "http-response") {
      return line_end;
    }
    const std::optional<std::string_view> value = QuotedValue(text.substr(at));
    if (!value) {
      if (directive == "add_header") {
        imported_.losses.push_back({.rule = "",
                                    .what = "a header that is made at run time is left out",
                                    .severity = Severity::kEnforcement,
                                    .line = source_.Line(offset)});
      }
      return line_end;
    }
    Result<void> read = ReadHeaders(*value, offset, mode);
    return read ? Result<std::size_t>(OffsetOf(*value) + value->size()) : read.error();
  }

  // ReadHeaders reads one header for each host that sends it.
  Result<void> ReadHeaders(std::string_view value, std::size_t offset, Mode mode) {
    if (hosts_.empty()) {
      return source_.Fail(offset, Code::kFormatMalformed,
                          "a header does not name its host: give --host, or write \"# HOST\" in "
                          "the line above");
    }
    for (const std::string& host : hosts_) {
      if (Result<void> read = ReadHeader(host, value, offset, mode); !read) return read;
    }
    return Ok();
  }

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
    for (const std::string_view quote : {"\\\"", "\""}) {
      if (value.size() < 2 * quote.size() || !value.starts_with(quote)) continue;
      if (!value.ends_with(quote)) continue;
      value = value.substr(quote.size(), value.size() - 2 * quote.size());
      break;
    }
    return {Lower(Trim(directive.substr(0, equals))), value};
  }

  Result<void> ReadHeader(const std::string& host, std::string_view value, std::size_t offset,
                          Mode mode) {
    Result<HostRule> rule = source_.NewRule(host, offset);
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
      Result<HostPattern> pattern = source_.Pattern("**." + host, offset);
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
  std::vector<std::string> hosts_;                       // whose headers come next
  bool named_ = false;                                   // by a configuration
  std::unordered_set<std::string> seen_;                 // "enforced HOST", "reported HOST"
  std::unordered_map<std::string, std::size_t> places_;  // of rules, by pattern
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  return HeaderReader(*source, files.front().host).Read();
}

bool Recognizes(std::span<const InputFile> files) {
  return Lower(AsText(files.front().bytes)).find(kHeader) != std::string::npos;
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
