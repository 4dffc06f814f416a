// SPDX-License-Identifier: Apache-2.0
#include "cli/scan_sheet.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>

#include "cli/safe_text.h"
#include "cli/wrap.h"
#include <cotter/pin.h>

namespace cotter::cli {
namespace {

namespace json = boost::json;
using probe::AddressFacts;
using probe::LookFacts;

json::object SummaryJson(const ScanSummary& summary) {
  json::array failed;
  for (const auto& [reason, count] : summary.tally.failed) {
    failed.push_back(
        {{"phase", NameOf(reason.first)}, {"code", NameOf(reason.second)}, {"count", count}});
  }
  json::array unreadable;
  for (const Unreadable& one : summary.unreadable) {
    unreadable.push_back({{"file", one.file}, {"line", one.line}, {"message", one.what}});
  }
  return {{"at", FormatTime(summary.at)},
          {"hosts", summary.hosts},
          {"sound", summary.sound},
          {"violated", summary.violated},
          {"undecided", summary.undecided},
          {"looks", summary.tally.looks},
          {"connections", summary.tally.connections},
          {"failed", std::move(failed)},
          {"unreadable", std::move(unreadable)}};
}

class JsonSheet final : public ScanSheet {
 public:
  explicit JsonSheet(Output& output) : output_(output) {}
  void Add(const ScanRow& row) override { targets_.push_back(ScanJson(row)); }
  void End(const ScanSummary& summary) override {
    output_.Json({{"targets", std::move(targets_)}, {"summary", SummaryJson(summary)}});
  }

 private:
  Output& output_;
  json::array targets_;
};

class LineSheet final : public ScanSheet {
 public:
  explicit LineSheet(Output& output) : output_(output) {}
  void Add(const ScanRow& row) override {
    output_.Json(ScanJson(row));
    output_.Flush();
  }
  void End(const ScanSummary& /*summary*/) override {}

 private:
  Output& output_;
};

Style StyleOf(const ScanRow& row) {
  switch (ExitOf(row, Strictness::kUsual)) {
    case Exit::kSatisfied:
      return row.findings.empty() ? Style::kGood : Style::kWarning;
    case Exit::kViolated:
    case Exit::kUsage:
      return Style::kBad;
    case Exit::kUndecided:
      return Style::kFaint;
  }
  return Style::kPlain;
}

std::string PeersText(const std::vector<std::string>& peers) {
  constexpr std::size_t kMost = 4;
  std::string text;
  for (std::size_t i = 0; i < peers.size() && i < kMost; ++i) {
    text.append(text.empty() ? "" : ", ").append(peers[i]);
  }
  if (peers.size() > kMost) text += " and " + std::to_string(peers.size() - kMost) + " more";
  return text;
}

// LookText is one connection in a line.
std::string LookText(const AddressFacts& address, const LookFacts& look) {
  std::string text = address.peer;
  for (const std::string& part : {look.version, look.suite, look.group, look.alpn}) {
    if (!part.empty()) text.append(" ").append(part);
  }
  if (look.chain && look.chain->seen.leaf() != nullptr) {
    text.append(" ").append(look.chain->leaf.key).append(" ");
    text.append(FormatPin(look.chain->seen.leaf()->spki));
  }
  if (look.purpose == probe::Purpose::kWithoutName) text += " (without server name)";
  if (look.error) text.append(": ").append(look.error->message);
  return text;
}

class TextSheet final : public ScanSheet {
 public:
  explicit TextSheet(Output& output) : output_(output) {}

  void Add(const ScanRow& row) override {
    const std::string title = SafeText(TitleOf(row));
    output_.Text(title + "  ");
    output_.Styled(StyleOf(row), row.check.verdict);
    const std::string summary = SafeText(SummaryOf(row.check));
    std::string text = summary.empty() ? "" : "  ";
    AppendFor(output_.medium(), text, summary, 4, title.size() + row.check.verdict.size() + 4);
    const std::string life = LifetimeText(row);
    if (!life.empty()) Line(text, "leaf: " + life);
    for (const probe::Finding& one : row.findings) {
      std::string line(NameOf(one.level));
      line.append(" ").append(NameOf(one.code)).append(": ").append(one.detail);
      const bool listed = one.code == Code::kSettingsDiffer || one.code == Code::kCdnDifference;
      if (!listed && !one.peers.empty()) line += " (" + PeersText(one.peers) + ")";
      Line(text, line);
    }
    for (const std::string& pinned : PinnedLines(row.check.pinned)) {
      Line(text, "pinned: " + pinned);
    }
    for (const AddressFacts& address : row.facts.addresses) {
      for (const LookFacts& look : address.looks) {
        // That a session is taken up again is for machines to know.
        if (look.purpose != probe::Purpose::kResumption) Line(text, LookText(address, look));
      }
    }
    output_.Text(text);
    output_.Flush();
  }

  void End(const ScanSummary& /*summary*/) override {}

 private:
  void Line(std::string& text, const std::string& line) {
    text += "  ";
    AppendFor(output_.medium(), text, SafeText(line), 4, 2);
  }

  Output& output_;
};

class CsvSheet final : public ScanSheet {
 public:
  explicit CsvSheet(Output& output) : output_(output) {
    output_.Text(
        "target,standby,verdict,code,peer,error,tls,suite,group,alpn,leaf_pin,key,issuer,not_after,"
        "lifetime_used,staple,scts,hsts,findings\n");
  }

  // A row for each connection, so that nothing has to be put into one field.
  void Add(const ScanRow& row) override {
    if (row.facts.addresses.empty()) AddLook(row, {}, {});
    for (const AddressFacts& address : row.facts.addresses) {
      for (const LookFacts& look : address.looks) AddLook(row, address.peer, look);
    }
    output_.Flush();
  }
  void End(const ScanSummary& /*summary*/) override {}

 private:
  void AddLook(const ScanRow& row, const std::string& peer, const LookFacts& look) {
    std::string line;
    const auto* leaf = look.chain ? look.chain->seen.leaf() : nullptr;
    const auto life = leaf != nullptr ? probe::LifetimeOf(*leaf, row.facts.at) : std::nullopt;
    std::string findings;
    for (const probe::Finding& one : row.findings) {
      findings.append(findings.empty() ? "" : " ").append(NameOf(one.code));
    }
    Field(line, net::FormatTarget(row.facts.target));
    Field(line, row.standby);
    Field(line, look.chain ? NameOf(look.chain->seen.verdict.outcome) : row.check.verdict);
    const std::optional<Code>& code = look.chain ? look.chain->seen.code : row.check.code;
    Field(line, code ? NameOf(*code) : "");
    Field(line, peer);
    Field(line, look.error          ? look.error->message
                : row.facts.failure ? row.facts.failure->message
                                    : "");
    Field(line, look.version);
    Field(line, look.suite);
    Field(line, look.group);
    Field(line, look.alpn);
    Field(line, leaf != nullptr ? FormatPin(leaf->spki) : "");
    Field(line, look.chain ? look.chain->leaf.key : "");
    Field(line, leaf != nullptr ? leaf->issuer.text : "");
    Field(line, life ? FormatTime(life->not_after) : "");
    Field(line, life ? std::to_string(life->used) : "");
    Field(line, NameOf(look.staple.state));
    Field(line, std::to_string(look.scts + (look.chain ? look.chain->leaf.embedded_scts : 0)));
    Field(line, look.http && look.http->hsts ? *look.http->hsts : "");
    Field(line, findings);
    output_.Text(line + "\n");
  }

  // Field appends a field as RFC 4180 has it. What a spreadsheet would run as a formula gets a
  // quote in front.
  static void Field(std::string& line, std::string_view text) {
    // The last four are the full-width forms, which some spreadsheets take for the others.
    constexpr std::string_view kFormula[] = {
        "=", "+", "-", "@", "\t", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
    if (!line.empty()) line += ',';
    line += '"';
    const bool runs = std::ranges::any_of(
        kFormula, [text](std::string_view begin) { return text.starts_with(begin); });
    if (runs) line += '\'';
    for (const char c : SafeText(text)) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }

  Output& output_;
};

}  // namespace

std::unique_ptr<ScanSheet> MakeScanSheet(std::string_view format, Output& output) {
  if (format == "json") return std::make_unique<JsonSheet>(output);
  if (format == "ndjson") return std::make_unique<LineSheet>(output);
  if (format == "csv") return std::make_unique<CsvSheet>(output);
  if (format == "html") return MakeScanPage(output);
  return std::make_unique<TextSheet>(output);
}

}  // namespace cotter::cli
