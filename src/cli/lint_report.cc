// SPDX-License-Identifier: Apache-2.0
#include "cli/lint_report.h"

#include <algorithm>
#include <set>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "cli/build_info.h"
#include "cli/safe_text.h"

namespace cotter::cli {
namespace {

using policy::Finding;
using policy::Severity;

Style StyleOf(Severity severity) {
  if (severity == Severity::kError) return Style::kBad;
  return severity == Severity::kWarning ? Style::kWarning : Style::kFaint;
}

// Summary is "1 error, 2 warnings".
std::string Summary(std::span<const LintedFile> files) {
  const auto count = [&](Severity severity, const char* word) {
    const std::size_t number = CountFindings(files, severity);
    return std::to_string(number) + " " + word + (number == 1 ? "" : "s");
  };
  return count(Severity::kError, "error") + ", " + count(Severity::kWarning, "warning");
}

void PrintText(Output& output, std::span<const LintedFile> files) {
  for (const LintedFile& file : files) {
    for (const Finding& finding : file.findings) {
      output.Field(file.name);
      if (finding.line != 0) output.Text(":" + std::to_string(finding.line));
      output.Text(": ");
      output.Styled(StyleOf(finding.severity), policy::NameOf(finding.severity));
      output.Text(": ");
      if (!finding.rule.empty()) output.Field(finding.rule + ": ");
      output.Field(finding.message);
      output.Text(" [" + std::string(NameOf(finding.code)) + "]\n    ");
      output.Styled(Style::kFaint, finding.fix);
      output.Text("\n");
    }
  }
  output.Text(Summary(files) + "\n");
}

void PrintJson(Output& output, std::span<const LintedFile> files) {
  boost::json::array findings;
  for (const LintedFile& file : files) {
    for (const Finding& finding : file.findings) {
      boost::json::object entry{{"code", NameOf(finding.code)},
                                {"severity", policy::NameOf(finding.severity)},
                                {"rule", nullptr},
                                {"line", finding.line},
                                {"message", finding.message},
                                {"fix", finding.fix}};
      if (!finding.rule.empty()) entry["rule"] = finding.rule;
      // Only where it says something: the shape for one file is fixed.
      if (files.size() > 1) entry["file"] = file.name;
      findings.push_back(std::move(entry));
    }
  }
  output.Json({{"findings", std::move(findings)},
               {"errors", CountFindings(files, Severity::kError)},
               {"warnings", CountFindings(files, Severity::kWarning)}});
}

// SarifLevel is the word of SARIF 2.1.0, 3.27.10.
std::string_view SarifLevel(Severity severity) {
  if (severity == Severity::kError) return "error";
  return severity == Severity::kWarning ? "warning" : "note";
}

// UriOf is a file's path as a URI reference (RFC 3986, 3.3).
std::string UriOf(std::string_view path) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      uri += c;
    } else {
      uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return uri;
}

void PrintSarif(Output& output, std::span<const LintedFile> files) {
  boost::json::array rules;
  boost::json::array results;
  std::set<Code> known;
  for (const LintedFile& file : files) {
    for (const Finding& finding : file.findings) {
      const std::string_view id = NameOf(finding.code);
      if (known.insert(finding.code).second) {
        const auto info = std::ranges::find(AllCodes(), finding.code, &CodeInfo::code);
        boost::json::object summary{{"text", info->summary}};
        rules.push_back(boost::json::object{{"id", id}, {"shortDescription", std::move(summary)}});
      }
      // Lines count from 1 (SARIF 2.1.0, 3.30.5); a finding without one is about the whole file.
      boost::json::object place{{"artifactLocation", {{"uri", UriOf(file.name)}}},
                                {"region", {{"startLine", std::max(finding.line, 1U)}}}};
      boost::json::array locations;
      locations.push_back(boost::json::object{{"physicalLocation", std::move(place)}});
      const std::string who = finding.rule.empty() ? "" : finding.rule + ": ";
      boost::json::object message{{"text", who + finding.message + ". " + finding.fix}};
      results.push_back(boost::json::object{{"ruleId", id},
                                            {"level", SarifLevel(finding.severity)},
                                            {"message", std::move(message)},
                                            {"locations", std::move(locations)}});
    }
  }
  boost::json::object driver{
      {"name", "cotter"}, {"version", kVersion}, {"rules", std::move(rules)}};
  boost::json::array runs;
  boost::json::object tool{{"driver", std::move(driver)}};
  runs.push_back(boost::json::object{{"tool", std::move(tool)}, {"results", std::move(results)}});
  output.Json({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
               {"version", "2.1.0"},
               {"runs", std::move(runs)}});
}

// Xml is `text` safe inside an attribute or element: XML 1.0 has no way to write control
// characters.
std::string Xml(std::string_view text) {
  std::string out;
  for (const char c : SafeText(text)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

void PrintJunit(Output& output, std::span<const LintedFile> files) {
  output.Text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"cotter lint\">\n");
  for (const LintedFile& file : files) {
    const std::size_t failures = CountFindings(std::span(&file, 1), Severity::kError);
    const std::size_t tests = std::max<std::size_t>(1, file.findings.size());
    output.Text("  <testsuite name=\"" + Xml(file.name) + "\" tests=\"" + std::to_string(tests) +
                "\" failures=\"" + std::to_string(failures) + "\">\n");
    if (file.findings.empty()) {
      output.Text("    <testcase classname=\"" + Xml(file.name) + "\" name=\"no findings\"/>\n");
    }
    for (const Finding& finding : file.findings) {
      const std::string text = Xml(file.name + ":" + std::to_string(finding.line) + ": " +
                                   finding.message + ". " + finding.fix);
      const bool fails = finding.severity == Severity::kError;
      const std::string tag = fails ? "failure" : "system-out";
      output.Text("    <testcase classname=\"" + Xml(file.name) + "\" name=\"" +
                  std::string(NameOf(finding.code)) +
                  (finding.rule.empty() ? "" : " " + Xml(finding.rule)) + "\">\n      <" + tag +
                  (fails ? " message=\"" + Xml(finding.message) + "\"" : "") + ">" + text + "</" +
                  tag + ">\n    </testcase>\n");
    }
    output.Text("  </testsuite>\n");
  }
  output.Text("</testsuites>\n");
}

// CommandData escapes the message of a GitHub workflow command, of which the runner unescapes %, CR
// and LF alone; the latter two are gone after SafeText.
std::string CommandData(std::string_view text) {
  std::string out;
  for (const char c : SafeText(text)) out += c == '%' ? "%25" : std::string(1, c);
  return out;
}

// CommandProperty escapes a property, in which ':' and ',' are unescaped too.
std::string CommandProperty(std::string_view text) {
  std::string out;
  for (const char c : CommandData(text)) {
    out += c == ':' ? "%3A" : c == ',' ? "%2C" : std::string(1, c);
  }
  return out;
}

void PrintGithub(Output& output, std::span<const LintedFile> files) {
  for (const LintedFile& file : files) {
    for (const Finding& finding : file.findings) {
      const std::string_view word =
          finding.severity == Severity::kInfo ? "notice" : policy::NameOf(finding.severity);
      const std::string who = finding.rule.empty() ? "" : finding.rule + ": ";
      output.Text("::" + std::string(word) + " file=" + CommandProperty(file.name) +
                  ",line=" + std::to_string(std::max(finding.line, 1U)) +
                  ",title=" + std::string(NameOf(finding.code)) +
                  "::" + CommandData(who + finding.message + ". " + finding.fix) + "\n");
    }
  }
}

}  // namespace

std::size_t CountFindings(std::span<const LintedFile> files, Severity severity) {
  std::size_t count = 0;
  for (const LintedFile& file : files) {
    count +=
        static_cast<std::size_t>(std::ranges::count(file.findings, severity, &Finding::severity));
  }
  return count;
}

void PrintFindings(Output& output, std::span<const LintedFile> files, LintFormat format) {
  switch (format) {
    case LintFormat::kText:
      return PrintText(output, files);
    case LintFormat::kJson:
      return PrintJson(output, files);
    case LintFormat::kSarif:
      return PrintSarif(output, files);
    case LintFormat::kJunit:
      return PrintJunit(output, files);
    case LintFormat::kGithub:
      return PrintGithub(output, files);
  }
}

}  // namespace cotter::cli
