// SPDX-License-Identifier: Apache-2.0
//
// curl: --pinnedpubkey, as a configuration file for -K or as an option on a command line. curl
// looks at the leaf alone, and pins belong to one transfer, not to a host.
#include <utility>

#include "formats/plan.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

std::string Value(const PlanRule& rule) {
  std::string value;
  for (const PolicyPin& pin : rule.pins) {
    value += (value.empty() ? "sha256//" : ";sha256//") + FormatPinBase64(pin.pin.digest);
  }
  return value;
}

std::string UrlHost(const PlanRule& rule) {
  const HostName& host = rule.pattern.base();
  const std::string text(host.text());
  return host.kind() == HostName::Kind::kIpv6 ? "[" + text + "]" : text;
}

std::string Block(const PlanRule& rule) {
  const std::string host = UrlHost(rule);
  return "# " + host + "\n# on a command line: curl --proto =https --pinnedpubkey '" + Value(rule) +
         "' https://" + host + "/\nproto = \"=https\"\npinnedpubkey = \"" + Value(rule) + "\"\n";
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  Result<Plan> plan =
      MakePlan(policy, {.hosts = Hosts::kNames, .places = Places::kLeafOnly}, options);
  if (!plan) return plan.error();
  std::string text = CommentBlock(policy, options, "curl", "# ");
  const bool single = plan->rules.size() == 1;
  text += single ? "# For transfers to one host alone: curl -K FILE https://" +
                       UrlHost(plan->rules.front()) + "/...\n"
                 : "# One transfer for each host; --host NAME exports one of them for any URL.\n";
  for (const PlanRule& rule : plan->rules) {
    if (&rule != &plan->rules.front()) text += "next\n";
    text += Block(rule);
    if (!single) text += "url = \"https://" + UrlHost(rule) + "/\"\n";
  }
  plan->Lose("", Severity::kNote,
             "curl pins a transfer, not a host: a redirect to another host is held against the "
             "same pins or, in newer releases, none; do not use -L");
  return Exported{std::move(text), std::move(plan->losses)};
}

// Line is one option of a configuration or of a command.
struct Option {
  std::string name;
  std::string value;
  std::size_t offset = 0;
};

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Words splits a line as a shell does, quotes and backslashes taken off; where a "#" begins a word
// of a configuration, the line ends.
class Splitter {
 public:
  explicit Splitter(std::string_view line) : line_(line) {}

  std::vector<Option> Words() {
    std::vector<Option> words;
    while (at_ < line_.size()) {
      if (IsSpace(line_[at_]) || line_[at_] == '=') {
        ++at_;
        continue;
      }
      if (line_[at_] == '#') break;
      words.push_back(Word());
    }
    return words;
  }

 private:
  Option Word() {
    Option word{.name = {}, .value = {}, .offset = at_};
    char quote = 0;
    for (; at_ < line_.size(); ++at_) {
      const char c = line_[at_];
      if (quote == 0 && (IsSpace(c) || (c == '=' && !word.value.starts_with("sha256/") &&
                                        word.value.find("://") == std::string::npos))) {
        break;
      }
      if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (quote != 0 && c == quote) {
        quote = 0;
      } else if (c == '\\' && quote != '\'' && at_ + 1 < line_.size()) {
        word.value += line_[++at_];
      } else {
        word.value += c;
      }
    }
    return word;
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

// Transfer is the options between two "next".
struct Transfer {
  std::vector<Option> urls;
  std::optional<Option> pins;
};

std::string_view HostOfUrl(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const std::size_t user = url.rfind('@');
  if (user != std::string_view::npos) url.remove_prefix(user + 1);
  if (url.starts_with('[')) return url.substr(0, url.find(']') + 1);
  return url.substr(0, url.find(':'));
}

class ConfigReader {
 public:
  ConfigReader(const SourceText& source, std::string_view host) : source_(source), host_(host) {}

  Result<ImportedPolicy> Read() {
    const std::string_view text = source_.text();
    for (std::size_t begin = 0; begin < text.size();) {
      std::size_t end = text.find('\n', begin);
      if (end == std::string_view::npos) end = text.size();
      ReadLine(text.substr(begin, end - begin), begin);
      begin = end + 1;
    }
    transfers_.push_back(std::move(current_));
    for (const Transfer& transfer : transfers_) {
      if (Result<void> made = MakeRules(transfer); !made) return made.error();
    }
    return std::move(imported_);
  }

 private:
  void ReadLine(std::string_view line, std::size_t offset) {
    std::vector<Option> words = Splitter(line).Words();
    if (words.empty() && line.find("# ") == 0) NoteHost(line.substr(2), offset);
    for (std::size_t i = 0; i < words.size(); ++i) {
      std::string_view name = words[i].value;
      if (name.starts_with("--")) name.remove_prefix(2);
      const bool has_value = i + 1 < words.size();
      if (name == "next" || name == ":") {
        transfers_.push_back(std::exchange(current_, {}));
        noted_.reset();
      } else if (IsCurl(name)) {
        // A script may run it many times; a host that a comment names is of the next one.
        if (current_.pins || !current_.urls.empty()) {
          transfers_.push_back(std::exchange(current_, {}));
        }
      } else if (name == "pinnedpubkey" && has_value) {
        current_.pins = words[++i];
        current_.pins->offset += offset;
        if (current_.urls.empty() && noted_) current_.urls.push_back(*noted_);
      } else if (name == "url" && has_value) {
        AddUrl(words[++i], offset);
      } else if (name.find("://") != std::string_view::npos) {
        AddUrl(words[i], offset);
      }
    }
  }

  // IsCurl reports the program's name, with its folder or behind an opening bracket of the shell.
  static bool IsCurl(std::string_view word) {
    return word.ends_with("curl") && (word.size() == 4 || word[word.size() - 5] == '/' ||
                                      word[word.size() - 5] == '(' || word[word.size() - 5] == '`');
  }

  // NoteHost takes a comment that is a host alone for the one that the pins below it are for.
  void NoteHost(std::string_view comment, std::size_t offset) {
    while (!comment.empty() && IsSpace(comment.back())) comment.remove_suffix(1);
    if (comment.find('.') == std::string_view::npos || !HostPattern::Parse(comment)) return;
    noted_ = Option{.name = "note", .value = std::string(comment), .offset = offset + 2};
  }

  void AddUrl(Option url, std::size_t offset) {
    url.offset += offset;
    std::erase_if(current_.urls, [](const Option& each) { return each.name == "note"; });
    current_.urls.push_back(std::move(url));
  }

  Result<void> MakeRules(const Transfer& transfer) {
    if (!transfer.pins) return Ok();
    std::vector<Option> urls = transfer.urls;
    if (urls.empty() && !host_.empty()) {
      urls.push_back({.name = "host", .value = host_, .offset = transfer.pins->offset});
    }
    if (urls.empty()) {
      return source_.Fail(
          transfer.pins->offset, Code::kFormatMalformed,
          "pinnedpubkey without a url: which host it pins is not said; give --host, "
          "or write \"# HOST\" above it");
    }
    for (const Option& url : urls) {
      Result<HostRule> rule = source_.NewRule(HostOfUrl(url.value), url.offset);
      if (!rule) return rule.error();
      if (Result<void> read = ReadPins(*transfer.pins, *rule); !read) return read;
      TakeRule(imported_, *std::move(rule));
    }
    return Ok();
  }

  Result<void> ReadPins(const Option& pins, HostRule& rule) {
    std::string_view rest = pins.value;
    if (!rest.starts_with("sha256//")) {
      return source_.Fail(pins.offset, Code::kFormatMalformed,
                          "expected sha256// pins; for a key file, cotter pins makes them");
    }
    while (!rest.empty()) {
      const std::string_view pin = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(pin.size() + 1, rest.size()));
      // The value has lost its quotes and backslashes: what they hid is told at its beginning.
      const std::size_t at = source_.text().find(pin, pins.offset);
      Result<void> added =
          source_.AddPin(rule, pin, at == std::string_view::npos ? pins.offset : at,
                         imported_.losses, PinPlace::kLeaf);
      if (!added) return added;
    }
    return Ok();
  }

  const SourceText& source_;
  ImportedPolicy imported_;
  std::vector<Transfer> transfers_;
  Transfer current_;
  std::optional<Option> noted_;
  std::string host_;  // of transfers that name none
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  return ConfigReader(*source, files.front().host).Read();
}

bool Recognizes(std::span<const InputFile> files) {
  return AsText(files.front().bytes).find("pinnedpubkey") != std::string_view::npos;
}

}  // namespace

extern const Format kCurlFormat;
const Format kCurlFormat{.name = "curl",
                         .summary = "curl's --pinnedpubkey, as a configuration file",
                         .recognizes = Recognizes,
                         .read = Read,
                         .write = Write};

}  // namespace cotter::formats
