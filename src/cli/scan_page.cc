// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cli/scan_sheet.h"
#include "net/target.h"
#include <cotter/pin.h>

namespace cotter::cli {
namespace {

constexpr std::int64_t kDay = 86'400;

// The timeline shows those that end first; more are in the table.
constexpr std::size_t kMaxBars = 1000;

// No script, and nothing from elsewhere: what servers put into the page cannot do anything.
constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cotter scan</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color: #1c2127; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #dde1e6; }
code, .pin { font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.good { color: #176b3a; } .warning { color: #8a5300; } .bad { color: #a4161a; } .faint { color: #5c6570; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none; }
.figures li { border: 1px solid #dde1e6; border-radius: 6px; padding: .5rem 1rem; }
.figures b { display: block; font-size: 1.4rem; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; }
.bar-good { fill: #4c9a6a; } .bar-warning { fill: #d99a2b; } .bar-bad { fill: #c0392b; }
.rest { fill: #e4e8ec; } .now { stroke: #1c2127; } .tick { stroke: #dde1e6; }
@media print { body { margin: 0; max-width: none; } tr, .figures li { break-inside: avoid; }
  details { display: block; } }
</style>
</head>
<body>
)";

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\n':
      case '\r':
        out += ' ';
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Span(std::string_view style, std::string_view text) {
  return "<span class=\"" + std::string(style) + "\">" + Escaped(text) + "</span>";
}

std::string_view ClassOf(const ScanRow& row) {
  switch (ExitOf(row, Strictness::kUsual)) {
    case Exit::kSatisfied:
      return row.findings.empty() ? "good" : "warning";
    case Exit::kViolated:
    case Exit::kUsage:
      return "bad";
    case Exit::kUndecided:
      return "faint";
  }
  return "faint";
}

// Bar is one certificate on the timeline.
struct Bar {
  std::string title;
  probe::Lifetime life;
};

class Page final : public ScanSheet {
 public:
  explicit Page(Output& output) : output_(output) {}

  void Add(const ScanRow& row) override {
    if (row.lifetime) bars_.push_back({TitleOf(row), *row.lifetime});
    rows_ += "<tr><td>" + Escaped(TitleOf(row)) + "</td><td>" +
             Span(ClassOf(row), row.check.verdict) + "<br>" + Escaped(SummaryOf(row.check)) +
             "</td><td>" + Escaped(LifetimeText(row)) + "</td><td>";
    AddFindings(row);
    rows_ += "</td></tr>\n<tr><td colspan=\"4\"><details><summary>addresses</summary><ul>";
    for (const std::string& pinned : PinnedLines(row.check.pinned)) {
      rows_ += "<li>pinned: " + Escaped(pinned) + "</li>";
    }
    for (const probe::AddressFacts& address : row.facts.addresses) AddAddress(address);
    rows_ += "</ul></details></td></tr>\n";
  }

  void End(const ScanSummary& summary) override {
    output_.Text(kHead);
    output_.Text("<h1>cotter scan</h1>\n<p>" + FormatTime(summary.at) +
                 "</p>\n<ul class=\"figures\">\n");
    Figure("hosts", summary.hosts);
    Figure("sound", summary.sound);
    Figure("violated", summary.violated);
    Figure("not known", summary.undecided);
    Figure("looks", static_cast<std::size_t>(summary.tally.looks));
    output_.Text("</ul>\n");
    WriteTimeline(summary.at);
    output_.Text(
        "<h2>Hosts</h2>\n<table>\n<thead><tr><th>host</th><th>verdict</th><th>leaf</th>"
        "<th>findings</th></tr></thead>\n<tbody>\n");
    output_.Text(rows_);
    output_.Text("</tbody>\n</table>\n");
    WriteReasons(summary);
    output_.Text("</body>\n</html>\n");
  }

 private:
  void AddFindings(const ScanRow& row) {
    if (row.findings.empty()) return;
    rows_ += "<ul>";
    for (const probe::Finding& one : row.findings) {
      const bool problem = one.level == probe::Level::kProblem;
      rows_ += "<li>" + Span(problem ? "bad" : "warning", NameOf(one.code)) + " " +
               Escaped(one.detail) + "</li>";
    }
    rows_ += "</ul>";
  }

  void AddAddress(const probe::AddressFacts& address) {
    for (const probe::LookFacts& look : address.looks) {
      rows_ += "<li>" + Escaped(address.peer);
      for (const std::string& part : {look.version, look.suite, look.group, look.alpn}) {
        if (!part.empty()) rows_ += " " + Escaped(part);
      }
      if (look.error) rows_ += " " + Span("bad", look.error->message);
      if (look.chain) {
        for (const probe::SeenCertificate& one : look.chain->seen.presented) {
          rows_ += "<br><span class=\"pin\">" + FormatPin(one.spki) + "</span> " +
                   Escaped(one.subject.text);
        }
      }
      rows_ += "</li>";
    }
  }

  void Figure(std::string_view name, std::size_t value) {
    output_.Text("<li><b>" + std::to_string(value) + "</b>" + std::string(name) + "</li>\n");
  }

  // WriteTimeline draws what ends when, the next first, from a month ago to the last end.
  void WriteTimeline(Time now) {
    if (bars_.empty()) return;
    std::stable_sort(bars_.begin(), bars_.end(), [](const Bar& a, const Bar& b) {
      return a.life.not_after < b.life.not_after;
    });
    const std::size_t shown = std::min(bars_.size(), kMaxBars);
    const std::int64_t from = now.unix_seconds - 30 * kDay;
    const std::int64_t last = bars_[shown - 1].life.not_after.unix_seconds;
    // Ten years of a private authority would squeeze the weeks that matter.
    const std::int64_t to =
        std::clamp(last + 5 * kDay, now.unix_seconds + 30 * kDay, now.unix_seconds + 400 * kDay);
    const auto x_of = [from, to](std::int64_t at) {
      const std::int64_t inside = std::clamp(at, from, to);
      return std::to_string(300 + 680 * (inside - from) / (to - from));
    };
    const std::string height = std::to_string(30 + 18 * shown);
    output_.Text("<h2>What ends when</h2>\n<svg viewBox=\"0 0 1000 " + height +
                 "\" role=\"img\" aria-label=\"when certificates end\">\n");
    const std::int64_t step = (to - from) / 6;
    for (std::int64_t at = from; at <= to; at += step) {
      const std::string x = x_of(at);
      output_.Text("<line class=\"tick\" x1=\"" + x + "\" x2=\"" + x + "\" y1=\"20\" y2=\"" +
                   height + "\"/><text x=\"" + x + "\" y=\"14\" text-anchor=\"middle\">" +
                   FormatDate(Time{at}) + "</text>\n");
    }
    for (std::size_t i = 0; i < shown; ++i) {
      const Bar& bar = bars_[i];
      const std::int64_t end = bar.life.not_after.unix_seconds;
      const std::string y = std::to_string(24 + 18 * i);
      const std::string_view kind = bar.life.used >= 1                 ? "bad"
                                    : bar.life.used >= probe::kOverdue ? "warning"
                                                                       : "good";
      const std::int64_t begin = std::max(bar.life.not_before.unix_seconds, from);
      const std::string x = x_of(begin);
      const std::int64_t width = std::max<std::int64_t>(
          2, 680 * (std::clamp(end, from, to) - std::min(begin, to)) / (to - from));
      output_.Text("<text x=\"290\" y=\"" + std::to_string(34 + 18 * i) +
                   "\" text-anchor=\"end\">" + Escaped(bar.title) + "</text><rect class=\"bar-" +
                   std::string(kind) + "\" x=\"" + x + "\" y=\"" + y + "\" width=\"" +
                   std::to_string(width) + "\" height=\"12\"><title>" + Escaped(bar.title) +
                   " ends " + FormatTime(bar.life.not_after) + "</title></rect>\n");
    }
    const std::string x = x_of(now.unix_seconds);
    output_.Text("<line class=\"now\" x1=\"" + x + "\" x2=\"" + x + "\" y1=\"18\" y2=\"" + height +
                 "\"/>\n</svg>\n");
    if (shown < bars_.size()) {
      output_.Text("<p>" + std::to_string(bars_.size() - shown) + " more end later.</p>\n");
    }
  }

  void WriteReasons(const ScanSummary& summary) {
    if (summary.tally.failed.empty() && summary.unreadable.empty()) return;
    output_.Text("<h2>What could not be looked at</h2>\n<ul>\n");
    for (const auto& [reason, count] : summary.tally.failed) {
      output_.Text("<li>" + std::to_string(count) + " × " + std::string(NameOf(reason.second)) +
                   " (" + std::string(NameOf(reason.first)) + ")</li>\n");
    }
    for (const Unreadable& one : summary.unreadable) {
      output_.Text("<li>" + Escaped(one.file) + (one.line == 0 ? "" : ":") +
                   (one.line == 0 ? "" : std::to_string(one.line)) + " " + Escaped(one.what) +
                   "</li>\n");
    }
    output_.Text("</ul>\n");
  }

  Output& output_;
  std::string rows_;
  std::vector<Bar> bars_;
};

}  // namespace

std::unique_ptr<ScanSheet> MakeScanPage(Output& output) { return std::make_unique<Page>(output); }

}  // namespace cotter::cli
