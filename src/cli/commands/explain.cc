// SPDX-License-Identifier: Apache-2.0
//
// cotter explain: what a code means, how to find out why it came up, what to do.
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/nearest.h"
#include "cli/arguments.h"
#include "cli/code_pages.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/wrap.h"
#include <cotter/code.h>

namespace cotter::cli {
namespace {

const CodeInfo& InfoOf(Code code) { return AllCodes()[static_cast<std::size_t>(code)]; }

Exit ListCodes(Call call) {
  if (call.arguments.Has("json")) {
    boost::json::array codes;
    for (const CodeInfo& info : AllCodes()) {
      codes.push_back({{"code", info.name}, {"summary", info.summary}});
    }
    call.output.Json({{"codes", std::move(codes)}});
    return Exit::kSatisfied;
  }
  std::size_t longest = 0;
  for (const CodeInfo& info : AllCodes()) longest = std::max(longest, info.name.size());
  for (const CodeInfo& info : AllCodes()) {
    call.output.Styled(Style::kBold, info.name);
    std::string text(longest - info.name.size() + 2, ' ');
    AppendFor(call.output.medium(), text, info.summary, longest + 2, longest + 2);
    call.output.Text(text);
  }
  return Exit::kSatisfied;
}

Exit UnknownCode(const std::string& name) {
  std::string folded = name;
  for (char& c : folded) {
    if (c == '-') c = '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  std::vector<std::string_view> names;
  for (const CodeInfo& info : AllCodes()) names.push_back(info.name);
  const auto nearest = base::Nearest(folded, names);
  ReportError("explain: unknown code '" + name + "'");
  ReportHint(nearest ? "did you mean 'cotter explain " + std::string(*nearest) + "'?"
                     : "'cotter explain --list' lists the codes");
  return Exit::kUsage;
}

void PrintSection(Output& output, std::string_view title, std::string_view text) {
  output.Text("\n");
  output.Styled(Style::kBold, title);
  output.Text("\n\n" + RenderMarkdown(text));
}

Exit PrintPage(Call call, const CodeInfo& info, const CodePage& page) {
  if (call.arguments.Has("json")) {
    call.output.Json({{"code", info.name},
                      {"summary", info.summary},
                      {"what_happened", page.happened},
                      {"how_to_find_out", page.diagnosis},
                      {"what_to_do", page.remedy}});
    return Exit::kSatisfied;
  }
  call.output.Styled(Style::kBold, info.name);
  std::string summary = ": ";
  AppendFor(call.output.medium(), summary, info.summary, 2, info.name.size() + 2);
  call.output.Text(summary);
  PrintSection(call.output, "What happened", page.happened);
  PrintSection(call.output, "How to find out why", page.diagnosis);
  PrintSection(call.output, "What to do", page.remedy);
  return Exit::kSatisfied;
}

Exit RunExplain(Call call) {
  const auto words = call.arguments.positionals();
  if (call.arguments.Has("list")) {
    if (words.empty()) return ListCodes(call);
    ReportError("explain: --list takes no CODE");
    return Exit::kUsage;
  }
  if (words.empty()) {
    ReportError("explain: a CODE is missing");
    ReportHint("'cotter explain --list' lists the codes");
    return Exit::kUsage;
  }
  const auto code = FindCode(words.front());
  if (!code) return UnknownCode(words.front());
  const auto page = FindCodePage(*code);
  if (!page) {
    ReportError("explain", Error{Code::kInternal, words.front() + " has no page"});
    return Exit::kUndecided;
  }
  return PrintPage(call, InfoOf(*code), *page);
}

constexpr Argument kArguments[] = {{.name = "CODE",
                                    .help = "a code as messages and JSON show it; case does not "
                                            "matter, and '-' stands for '_'",
                                    .count = Count::kOptional,
                                    .complete = Complete::kCode}};

constexpr Option kOptions[] = {
    {.name = "list", .letter = 'l', .help = "list every code with one line each"}, kJsonOption};

constexpr OptionGroup kGroups[] = {{"Options", kOptions}};

constexpr Example kExamples[] = {
    {.line = "cotter explain pin_mismatch", .help = "a pinned connection was refused: what now"},
    {.line = "cotter explain --list", .help = "every code there is"}};

constexpr ExitNote kExits[] = {{Exit::kSatisfied, "the page was printed"},
                               {Exit::kUsage, "there is no such code"}};

}  // namespace

extern const Command kExplainCommand{
    .name = "explain",
    .summary = "tell what a code means, how to find out why, and what to do",
    .description =
        "Every error and every reason of a verdict has a stable code. Its page says "
        "what happened, how to find out why (with commands to run), and what to do.",
    .arguments = kArguments,
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunExplain,
};

}  // namespace cotter::cli
