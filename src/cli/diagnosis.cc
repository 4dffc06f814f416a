// SPDX-License-Identifier: Apache-2.0
#include "cli/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "cli/safe_text.h"
#include "cli/wrap.h"
#include <cotter/evaluate.h>

namespace cotter::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kNetworkError = "network_error";

// CauseName is a cause as people and scripts know it, in upper case; `cotter explain` takes it.
std::string CauseName(Code code) {
  std::string name(NameOf(code));
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

// ShownChain is the verified path, or what was presented where there is none.
struct ShownChain {
  const std::vector<probe::SeenCertificate>& certificates;
  bool verified;
};

ShownChain Shown(const probe::SeenChain& chain) {
  if (chain.path.empty()) return {chain.presented, false};
  return {chain.path, true};
}

std::string_view RoleOf(const ShownChain& chain, std::size_t index) {
  if (index == 0) return "leaf";
  const bool last = index + 1 == chain.certificates.size();
  const bool root = chain.verified ? last : chain.certificates[index].is_self_issued;
  return root ? "root" : "intermediate";
}

bool Matches(const probe::Situation& situation, const probe::SeenCertificate& certificate,
             std::size_t index) {
  return situation.rule != nullptr && probe::PinnedBy(*situation.rule, certificate, index);
}

void AppendItem(Medium medium, std::string& text, std::string_view name, std::string_view value) {
  const std::size_t indent = 5 + name.size();
  text.append("     ").append(name);
  AppendFor(medium, text, SafeText(value), indent, indent);
}

void PrintCause(Output& output, std::size_t number, const probe::Cause& cause) {
  const auto percent = static_cast<int>(std::lround(cause.confidence * 100));
  output.Text("  " + std::to_string(number) + ". ");
  output.Styled(number == 1 ? Style::kBold : Style::kPlain, CauseName(cause.code));
  std::string text = "  " + std::to_string(percent) + " %\n";
  for (const std::string& evidence : cause.evidence) {
    AppendItem(output.medium(), text, "- ", evidence);
  }
  AppendItem(output.medium(), text, "fix: ", cause.fix);
  output.Text(text);
}

void PrintChain(Output& output, const probe::Situation& situation) {
  const probe::SeenChain* const subject = situation.Subject();
  if (subject == nullptr) return;
  const ShownChain chain = Shown(*subject);
  output.Text(chain.verified ? "  verified path\n" : "  presented, not verified\n");
  for (std::size_t i = 0; i < chain.certificates.size(); ++i) {
    const probe::SeenCertificate& one = chain.certificates[i];
    std::string role(RoleOf(chain, i));
    constexpr std::size_t kRoleWidth = 14;
    role.resize(std::max(role.size(), kRoleWidth), ' ');
    output.Text("    " + role);
    const bool matches = Matches(situation, one, i);
    output.Styled(matches ? Style::kGood : Style::kFaint, matches ? "match     " : "no match  ");
    output.Text(FormatPin(one.spki) + "  ");
    output.Field(one.subject.text);
    output.Text("\n");
  }
}

json::object CauseJson(const probe::Cause& cause) {
  json::array evidence;
  for (const std::string& one : cause.evidence) evidence.emplace_back(one);
  return {{"code", CauseName(cause.code)},
          {"confidence", std::round(cause.confidence * 100) / 100},
          {"evidence", std::move(evidence)},
          {"fix", cause.fix}};
}

json::array ChainJson(const probe::Situation& situation) {
  json::array list;
  const probe::SeenChain* const subject = situation.Subject();
  if (subject == nullptr) return list;
  const ShownChain chain = Shown(*subject);
  for (std::size_t i = 0; i < chain.certificates.size(); ++i) {
    const probe::SeenCertificate& one = chain.certificates[i];
    list.push_back(json::object{{"role", RoleOf(chain, i)},
                                {"subject", one.subject.text},
                                {"spki", FormatPin(one.spki)},
                                {"cert", FormatPin(one.cert)},
                                {"matches", Matches(situation, one, i)}});
  }
  return list;
}

}  // namespace

std::string_view VerdictOf(const Diagnosis& diagnosis) noexcept {
  const probe::SeenChain* const subject = diagnosis.situation.Subject();
  return subject == nullptr ? kNetworkError : NameOf(subject->verdict.outcome);
}

Exit ExitOf(const Diagnosis& diagnosis) noexcept {
  const probe::SeenChain* const subject = diagnosis.situation.Subject();
  if (subject == nullptr) return Exit::kUndecided;
  if (subject->verdict.outcome == Outcome::kSearchBound) return Exit::kUndecided;
  if (!subject->verdict.allowed()) return Exit::kViolated;
  return diagnosis.situation.failures.empty() ? Exit::kSatisfied : Exit::kUndecided;
}

void PrintDiagnosisText(Output& output, std::span<const Diagnosis> diagnoses) {
  for (const Diagnosis& one : diagnoses) {
    output.Text(SafeText(one.target) + "  ");
    const bool good = ExitOf(one) == Exit::kSatisfied;
    output.Styled(good ? Style::kGood : Style::kBad, VerdictOf(one));
    output.Text(one.causes.empty() ? "  nothing is wrong\n" : "\n");
    const probe::SeenChain* const subject = one.situation.Subject();
    if (subject != nullptr && !subject->message.empty()) {
      std::string text = "  ";
      AppendFor(output.medium(), text, SafeText(subject->message), 2, 2);
      output.Text(text);
    }
    for (std::size_t i = 0; i < one.causes.size(); ++i) PrintCause(output, i + 1, one.causes[i]);
    PrintChain(output, one.situation);
  }
}

void PrintDiagnosisJson(Output& output, std::span<const Diagnosis> diagnoses) {
  json::array targets;
  for (const Diagnosis& one : diagnoses) {
    json::array causes;
    for (const probe::Cause& cause : one.causes) causes.push_back(CauseJson(cause));
    targets.push_back(json::object{{"target", one.target},
                                   {"verdict", VerdictOf(one)},
                                   {"causes", std::move(causes)},
                                   {"chain", ChainJson(one.situation)}});
  }
  output.Json({{"targets", std::move(targets)}});
}

}  // namespace cotter::cli
