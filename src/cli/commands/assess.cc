// SPDX-License-Identifier: Apache-2.0
//
// cotter assess: should this host be pinned at all, and how.
#include "policy/assess.h"

#include <iostream>
#include <optional>
#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/report.h"
#include "policy/words.h"

namespace cotter::cli {
namespace {

constexpr std::string_view kDataClasses[] = {"public", "internal", "personal", "financial",
                                             "health"};
constexpr std::string_view kYesNo[] = {"no", "yes"};
constexpr std::string_view kRotations[] = {"predictable", "unpredictable"};
constexpr std::string_view kResponses[] = {"hours", "days", "weeks"};
constexpr std::string_view kClients[] = {"mobile", "service", "desktop", "browser"};
constexpr std::string_view kOutages[] = {"low", "high"};

constexpr Option kOptions[] = {
    {.name = "data-class",
     .letter = 'd',
     .arg = "CLASS",
     .help = "what the host handles, the most delicate of it",
     .choices = kDataClasses},
    {.name = "owns-server",
     .letter = 's',
     .arg = "ANSWER",
     .help = "do you choose the server's keys, or hear of them in advance",
     .choices = kYesNo},
    {.name = "controls-clients",
     .letter = 'c',
     .arg = "ANSWER",
     .help = "can you ship the clients a new pin set",
     .choices = kYesNo},
    {.name = "rotation",
     .letter = 'r',
     .arg = "HOW",
     .help = "do you know before a key changes",
     .choices = kRotations},
    {.name = "response",
     .letter = 't',
     .arg = "TIME",
     .help = "until most clients have a new pin set",
     .choices = kResponses},
    {.name = "client", .arg = "KIND", .help = "what connects", .choices = kClients},
    {.name = "targeted",
     .arg = "ANSWER",
     .help = "does somebody with a CA or a network go after the users",
     .choices = kYesNo},
    {.name = "outage", .arg = "COST", .help = "what locked-out clients cost", .choices = kOutages},
    kJsonOption};

const Option& OptionOf(std::string_view name) {
  for (const Option& option : kOptions) {
    if (option.name == name) return option;
  }
  return kJsonOption;
}

// Ask is an answer typed on the terminal; nullopt at its end.
std::optional<std::string> Ask(const Option& option) {
  std::string question = std::string(option.help) + "? (";
  for (const std::string_view choice : option.choices) {
    question += (question.back() == '(' ? "" : ", ") + std::string(choice);
  }
  std::string line;
  while (true) {
    std::cerr << question << ") " << std::flush;
    if (!std::getline(std::cin, line)) return std::nullopt;
    for (const std::string_view choice : option.choices) {
      if (choice == line) return line;
    }
  }
}

// Questionnaire takes answers from options, and from a terminal where there is one.
class Questionnaire {
 public:
  explicit Questionnaire(const Arguments& arguments)
      : arguments_(arguments), asks_(isatty(STDIN_FILENO) == 1 && !arguments.Has("json")) {}

  template <typename T, std::size_t N>
  void Answer(std::string_view name, const policy::Word<T> (&words)[N], T& target) {
    std::optional<std::string> text;
    if (const auto given = arguments_.Value(name)) {
      text = std::string(*given);
    } else if (asks_ && missing_.empty()) {
      text = Ask(OptionOf(name));
    }
    const T* value = text ? policy::ValueFor(words, *text) : nullptr;
    if (value != nullptr) {
      target = *value;
    } else {
      missing_ += (missing_.empty() ? "--" : ", --") + std::string(name);
    }
  }

  [[nodiscard]] const std::string& missing() const noexcept { return missing_; }

 private:
  const Arguments& arguments_;
  bool asks_;
  std::string missing_;
};

boost::json::array Texts(const std::vector<std::string>& texts) {
  boost::json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

void PrintList(Output& output, std::string_view title, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  output.Styled(Style::kBold, title);
  output.Text("\n");
  for (const std::string& text : texts) output.Text("  - " + text + "\n");
}

std::string_view Headline(policy::Advice advice) {
  switch (advice) {
    case policy::Advice::kDoNotPin:
      return "do not pin";
    case policy::Advice::kReportFirst:
      return "pin, and only report at first";
    case policy::Advice::kPin:
      return "pin";
  }
  return {};
}

Exit RunAssess(Call call) {
  policy::Situation situation;
  Questionnaire ask(call.arguments);
  ask.Answer("data-class", policy::kDataClassWords, situation.data_class);
  ask.Answer("owns-server", policy::kAnswerWords, situation.owns_server);
  ask.Answer("controls-clients", policy::kAnswerWords, situation.controls_clients);
  ask.Answer("rotation", policy::kRotationWords, situation.rotation);
  ask.Answer("response", policy::kResponseWords, situation.response);
  if (!ask.missing().empty()) {
    ReportError("assess: not answered: " + ask.missing());
    ReportHint("give them as options, or run it on a terminal to be asked");
    return Exit::kUsage;
  }
  // These have an answer that most situations share.
  const auto optional = [&](std::string_view name, const auto& words, auto& target) {
    if (call.arguments.Has(name)) ask.Answer(name, words, target);
  };
  optional("client", policy::kClientWords, situation.client);
  optional("targeted", policy::kAnswerWords, situation.targeted);
  optional("outage", policy::kOutageWords, situation.outage);
  const policy::Assessment answer = policy::Assess(situation);
  if (call.arguments.Has("json")) {
    call.output.Json({{"advice", policy::NameOf(answer.advice)},
                      {"pin", answer.advice != policy::Advice::kDoNotPin},
                      {"reasons", Texts(answer.reasons)},
                      {"pins", Texts(answer.pins)},
                      {"instead", Texts(answer.instead)}});
    return Exit::kSatisfied;
  }
  call.output.Styled(Style::kBold, Headline(answer.advice));
  call.output.Text("\n");
  PrintList(call.output, "why", answer.reasons);
  PrintList(call.output, "which pins", answer.pins);
  PrintList(call.output, answer.advice == policy::Advice::kDoNotPin ? "do instead" : "and",
            answer.instead);
  return Exit::kSatisfied;
}

constexpr OptionGroup kGroups[] = {{.title = "Answers", .options = kOptions}};

constexpr Example kExamples[] = {
    {.line = "cotter assess", .help = "be asked, on a terminal"},
    {.line = "cotter assess -d health -s yes -c yes -r predictable -t days",
     .help = "the same from answers"}};

constexpr ExitNote kExits[] = {
    {.code = Exit::kSatisfied, .meaning = "advice was given, whatever it is"},
    {.code = Exit::kUsage, .meaning = "an answer is missing"}};

}  // namespace

extern const Command kAssessCommand;
const Command kAssessCommand{
    .name = "assess",
    .summary = "advise whether a host should be pinned at all, and how",
    .description =
        "Pinning is worth its cost where the data or the users are a target, where you choose the "
        "server's keys, and where clients can be given new pins in time. Everywhere else it is an "
        "outage that waits, and the advice is not to pin.",
    .groups = kGroups,
    .examples = kExamples,
    .exits = kExits,
    .run = RunAssess};

}  // namespace cotter::cli
