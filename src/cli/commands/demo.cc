// SPDX-License-Identifier: Apache-2.0
//
// cotter demo: the whole story on this machine, told step by step.
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "cli/arguments.h"
#include "cli/demo/story.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/safe_text.h"
#include "cli/wrap.h"

namespace cotter::cli {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  const auto span = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  return static_cast<double>(span.count()) / 1000.0;
}

void PrintStep(Output& output, int number, const Step& step) {
  output.Styled(Style::kBold, std::to_string(number) + ". " + step.title);
  output.Text("\n");
  for (const std::string& line : step.lines) {
    std::string text = "   ";
    AppendFor(output.medium(), text, SafeText(line), 5, 3);
    output.Text(text);
  }
  for (const std::string& failure : step.failures) {
    output.Text("   ");
    output.Styled(Style::kBad, "this did not happen: " + failure);
    output.Text("\n");
  }
  output.Flush();
}

boost::json::object ToJson(const Step& step) {
  boost::json::array failures;
  for (const std::string& failure : step.failures) failures.emplace_back(failure);
  return {{"step", step.name},
          {"title", step.title},
          {"ok", step.failures.empty()},
          {"facts", step.facts},
          {"failures", std::move(failures)}};
}

Exit TellAsJson(Output& output, Clock::time_point start) {
  boost::json::array steps;
  const bool ok = TellStory([&](const Step& step) { steps.push_back(ToJson(step)); });
  output.Json({{"ok", ok}, {"seconds", SecondsSince(start)}, {"steps", std::move(steps)}});
  return ok ? Exit::kSatisfied : Exit::kViolated;
}

Exit TellAsText(Output& output, Clock::time_point start) {
  int number = 0;
  const bool ok = TellStory([&](const Step& step) { PrintStep(output, ++number, step); });
  output.Text("\n");
  if (!ok) {
    output.Styled(Style::kBad, "The story did not go as it should.");
    output.Text("\n");
    return Exit::kViolated;
  }
  std::string seconds = std::to_string(SecondsSince(start));
  seconds.resize(seconds.find('.') + 3);
  output.Styled(Style::kGood, "All of this happened, with real TLS on loopback, in " + seconds +
                                  " s. Nothing is left.");
  output.Text("\nWhat a refusal means, and what to do: cotter explain pin_mismatch\n");
  return Exit::kSatisfied;
}

Exit RunDemo(Call call) {
  const Clock::time_point start = Clock::now();
  return call.arguments.Has("json") ? TellAsJson(call.output, start)
                                    : TellAsText(call.output, start);
}

constexpr Option kOptions[] = {kJsonOption};
constexpr OptionGroup kGroups[] = {{"Options", kOptions}};
constexpr Example kExamples[] = {
    {.line = "cotter demo", .help = "see an interceptor with a trusted CA refused"},
    {.line = "cotter demo --json", .help = "the same as data, to test an installation"}};
constexpr ExitNote kExits[] = {
    {Exit::kSatisfied, "every step happened, by the servers' own records"},
    {Exit::kViolated, "a step did not happen"}};

}  // namespace

extern const Command kDemoCommand{
    .name = "demo",
    .summary = "tell the whole story on this machine: pins, interceptor, refusal, backup",
    .description =
        "A private CA and a server come up on loopback, and pins are made of its keys. A pinned "
        "connection passes, and passes again after a renewal with the same key. Then an "
        "interceptor answers, whose CA is trusted and who appends the genuine CA to its chain: it "
        "is refused inside the handshake and receives nothing, while a client without pins hands "
        "it the request. Last, the backup key goes live.\n\n"
        "Every step is real TLS and checked against what the servers recorded. Nothing leaves "
        "this machine, no file is written, and no trust store but the demo's own is touched.",
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunDemo,
};

}  // namespace cotter::cli
