// SPDX-License-Identifier: Apache-2.0
#include "probe/scan/host_list.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace cotter::probe {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// TakeLine cuts a line off `text`.
std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Collector keeps each target once.
class Collector {
 public:
  explicit Collector(const TargetParser& parse) : parse_(parse) {}

  void Add(std::size_t line, std::string_view name) {
    if (full()) return;
    Result<net::Target> target = parse_(name);
    if (!target) return Refuse(line, target.error().message);
    if (seen_.insert(net::FormatTarget(*target)).second) {
      list_.targets.push_back(*std::move(target));
      if (full()) Refuse(line, "more than 1000000 servers: what follows is left out");
    }
  }

  void Refuse(std::size_t line, std::string what) {
    if (list_.bad_lines.size() < kMaxBadLines) {
      list_.bad_lines.push_back({line, std::move(what)});
    } else {
      ++list_.more_bad_lines;
    }
  }

  void PassOver() { ++list_.passed_over; }
  [[nodiscard]] bool full() const { return list_.targets.size() >= kMaxListed; }
  [[nodiscard]] HostList Take() { return std::move(list_); }

 private:
  const TargetParser& parse_;
  HostList list_;
  std::unordered_set<std::string> seen_;
};

bool SameWord(std::string_view text, std::string_view upper) {
  return std::equal(text.begin(), text.end(), upper.begin(), upper.end(), [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
  });
}

// Entry is one record or directive of a zone file, which parentheses may stretch over lines.
struct Entry {
  std::size_t line = 0;
  bool owner_left_out = false;  // it begins with a space: the owner is the last one's
  std::vector<std::string> words;
};

// What an entry needs to be understood has few words; more are the data of records that do not
// matter here, and are not kept.
constexpr std::size_t kMaxWords = 8;

// ZoneReader cuts a zone file into entries.
class ZoneReader {
 public:
  explicit ZoneReader(std::string_view text) : rest_(text) {}

  // Next is false at the end. A line that is too long comes as an entry without words.
  bool Next(Entry& entry) {
    entry = Entry{};
    depth_ = 0;
    in_quotes_ = false;
    while (!rest_.empty()) {
      ++line_;
      const std::string_view line = TakeLine(rest_);
      if (entry.line == 0) {
        entry.line = line_;
        entry.owner_left_out = !line.empty() && IsSpace(line.front());
      }
      if (line.size() > kMaxListLine) {
        entry.words.clear();
        entry.words.emplace_back("\x01");
        return true;
      }
      Split(line, entry.words);
      if (depth_ > 0 || in_quotes_) continue;
      if (!entry.words.empty()) return true;
      entry = Entry{};
    }
    if (depth_ > 0 || in_quotes_) open_line_ = entry.line;
    return !entry.words.empty();
  }

  // open_line is where the entry begins that the end of the text cut off; 0 where none is.
  [[nodiscard]] std::size_t open_line() const { return open_line_; }

 private:
  void Split(std::string_view line, std::vector<std::string>& words) {
    std::string word;
    const auto end_word = [&] {
      if (!word.empty() && words.size() < kMaxWords) words.push_back(word);
      word.clear();
    };
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '\\' && i + 1 < line.size()) {
        word.append(line.substr(i++, 2));
      } else if (c == '"') {
        in_quotes_ = !in_quotes_;
      } else if (in_quotes_) {
        word += c;
      } else if (c == ';') {
        break;
      } else if (c == '(' || c == ')') {
        end_word();
        if (c == '(') ++depth_;
        if (c == ')' && depth_ > 0) --depth_;
      } else if (IsSpace(c)) {
        end_word();
      } else {
        word += c;
      }
    }
    end_word();
  }

  std::string_view rest_;
  std::size_t line_ = 0;
  std::size_t open_line_ = 0;
  std::size_t depth_ = 0;
  bool in_quotes_ = false;
};

// IsTtl reports a TTL, with or without BIND's units ("1h30m").
bool IsTtl(std::string_view word) {
  constexpr std::string_view kUnits = "smhdwSMHDW";
  const bool digit_first = !word.empty() && word.front() >= '0' && word.front() <= '9';
  return digit_first && std::all_of(word.begin(), word.end(), [&](char c) {
           return (c >= '0' && c <= '9') || kUnits.find(c) != std::string_view::npos;
         });
}

bool IsClass(std::string_view word) {
  return SameWord(word, "IN") || SameWord(word, "CH") || SameWord(word, "HS") ||
         SameWord(word, "CS");
}

// Zone turns entries into names.
class Zone {
 public:
  Zone(std::string_view origin, Collector& collector) : origin_(origin), collector_(collector) {
    if (origin_.ends_with('.')) origin_.pop_back();
  }

  void Take(const Entry& entry) {
    const std::string& first = entry.words.front();
    if (first == "\x01") return collector_.Refuse(entry.line, "the line is too long");
    if (first.starts_with('$') && !entry.owner_left_out) return TakeDirective(entry);
    std::size_t at = 0;
    if (!entry.owner_left_out) owner_ = entry.words[at++];
    while (at < entry.words.size() && (IsTtl(entry.words[at]) || IsClass(entry.words[at]))) ++at;
    if (at == entry.words.size()) {
      return collector_.Refuse(entry.line, "expected the type of a record");
    }
    const std::string& type = entry.words[at];
    const bool wanted = SameWord(type, "A") || SameWord(type, "AAAA") || SameWord(type, "CNAME");
    if (wanted) AddOwner(entry.line);
  }

 private:
  void TakeDirective(const Entry& entry) {
    const std::string& name = entry.words.front();
    if (SameWord(name, "$TTL")) return;
    if (!SameWord(name, "$ORIGIN") || entry.words.size() < 2) {
      return collector_.Refuse(entry.line, name + " is not followed");
    }
    std::string origin = entry.words[1];
    if (origin.ends_with('.')) {
      origin.pop_back();
    } else if (!origin_.empty()) {
      origin += "." + origin_;
    }
    // A chain of relative ones could grow without end; no name is longer.
    if (origin.size() > kMaxListLine) return collector_.Refuse(entry.line, "$ORIGIN is too long");
    origin_ = std::move(origin);
  }

  void AddOwner(std::size_t line) {
    if (owner_.empty()) return collector_.Refuse(line, "the first record has no owner");
    if (owner_ == "*" || owner_.starts_with("*.")) return collector_.PassOver();
    if (owner_.find('\\') != std::string::npos) {
      return collector_.Refuse(line, "no host name: " + owner_);
    }
    if (owner_.ends_with('.')) return collector_.Add(line, owner_.substr(0, owner_.size() - 1));
    if (origin_.empty()) {
      return collector_.Refuse(line, "the name is relative, and the zone's is not known");
    }
    collector_.Add(line, owner_ == "@" ? origin_ : owner_ + "." + origin_);
  }

  std::string origin_;
  std::string owner_;
  Collector& collector_;
};

}  // namespace

HostList ReadHostList(std::string_view text, const TargetParser& parse) {
  Collector collector(parse);
  for (std::size_t line = 1; !text.empty() && !collector.full(); ++line) {
    std::string_view content = TakeLine(text);
    if (content.size() > kMaxListLine) {
      collector.Refuse(line, "the line is too long");
      continue;
    }
    content = Trim(content.substr(0, content.find('#')));
    if (!content.empty()) collector.Add(line, content);
  }
  return collector.Take();
}

HostList ReadZoneFile(std::string_view text, std::string_view origin, const TargetParser& parse) {
  Collector collector(parse);
  Zone zone(origin, collector);
  ZoneReader reader(text);
  Entry entry;
  while (!collector.full() && reader.Next(entry)) zone.Take(entry);
  if (reader.open_line() != 0) {
    collector.Refuse(reader.open_line(), "a parenthesis or a quote is never closed");
  }
  return collector.Take();
}

}  // namespace cotter::probe
