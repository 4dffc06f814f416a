// SPDX-License-Identifier: Apache-2.0
#include "cli/check_row.h"

#include <algorithm>
#include <utility>

#include <boost/json/object.hpp>

#include "cli/safe_text.h"
#include "cli/wrap.h"
#include "policy/words.h"

namespace cotter::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kNetworkError = "network_error";

// A rule may have any number of pins; more than these push what was found off the screen.
constexpr std::size_t kMostPinned = 8;

std::string_view PlaceOf(std::size_t index) { return index == 0 ? "leaf" : "ca"; }

std::string_view Explained(Code code) {
  const auto codes = AllCodes();
  const auto info = std::ranges::find(codes, code, &CodeInfo::code);
  return info == codes.end() ? std::string_view() : info->summary;
}

bool IsGood(const CheckRow& row) {
  return row.verdict == NameOf(Outcome::kPinnedOk) || row.is_unpinned();
}

void AppendLine(Medium medium, std::string& text, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  const std::size_t indent = name.size() + 4;
  text.append("  ").append(name).append(": ");
  AppendFor(medium, text, SafeText(value), indent, indent);
}

// AppendColumn appends lines, all but the first without the name.
void AppendColumn(Medium medium, std::string& text, std::string_view name,
                  std::span<const std::string> lines) {
  for (const std::string& line : lines) {
    if (&line == lines.data()) {
      AppendLine(medium, text, name, line);
    } else {
      text.append(name.size() + 4, ' ').append(line).append("\n");
    }
  }
}

// WordsOf is what the policy says of a pin besides its digest.
std::string WordsOf(const Pin& pin) {
  std::string words(policy::WordFor(policy::kPlaceWords, pin.place));
  words.append(" ").append(policy::WordFor(policy::kUseWords, pin.use));
  if (pin.kind == PinKind::kCert) words += " cert";
  return words;
}

void AppendFound(Medium medium, std::string& text, std::span<const Digest> found) {
  std::vector<std::string> lines;
  for (const Digest& digest : found) {
    lines.push_back(FormatPin(digest) + "  " + std::string(PlaceOf(lines.size())));
  }
  AppendColumn(medium, text, "found", lines);
}

// AppendDetails appends the full detail, below the short message. What it lists under names of
// their own is not said a second time.
void AppendDetails(Medium medium, std::string& text, const CheckRow& row) {
  if (row.code) AppendLine(medium, text, "code", NameOf(*row.code));
  const bool listed = !row.found.empty() && row.message == BadPinMessage(row.found);
  if (!listed && row.message != SummaryOf(row)) AppendLine(medium, text, "detail", row.message);
  for (const std::string& note : row.notes) AppendLine(medium, text, "detail", note);
  for (const Code reason : row.reasons) {
    if (reason == row.code) continue;
    AppendLine(medium, text, "also",
               std::string(NameOf(reason)) + ": " + std::string(Explained(reason)));
  }
  if (row.rule) AppendLine(medium, text, "rule", *row.rule);
  if (row.matched) {
    AppendLine(medium, text, "matched",
               FormatPin(row.matched->pin) + "  " + std::string(PlaceOf(row.matched->index)) +
                   (row.matched->index == 0 ? "" : " " + std::to_string(row.matched->index)));
  }
  AppendColumn(medium, text, "pinned", PinnedLines(row.pinned));
  AppendFound(medium, text, row.found);
  AppendLine(medium, text, "peer", row.tls.empty() ? row.peer : row.peer + ", " + row.tls);
  if (row.policy) {
    AppendLine(medium, text, "policy",
               (row.policy->name.empty() ? "" : row.policy->name + " ") + "version " +
                   std::to_string(row.policy->version));
  }
}

json::value TextOrNull(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object RowJson(const CheckRow& row) {
  json::value matched = nullptr;
  if (row.matched) {
    matched = {{"pin", FormatPin(row.matched->pin)},
               {"place", PlaceOf(row.matched->index)},
               {"index", row.matched->index}};
  }
  json::array reasons;
  for (const Code reason : row.reasons) reasons.emplace_back(NameOf(reason));
  json::array notes;
  for (const std::string& note : row.notes) notes.emplace_back(note);
  json::array found;
  for (const Digest& digest : row.found) found.emplace_back(FormatPin(digest));
  json::value policy = nullptr;
  if (row.policy) policy = {{"name", row.policy->name}, {"version", row.policy->version}};
  return {{"target", row.target},
          {"verdict", row.verdict},
          {"code", row.code ? json::value(NameOf(*row.code)) : json::value(nullptr)},
          {"message", row.message},
          {"reasons", std::move(reasons)},
          {"notes", std::move(notes)},
          {"rule", row.rule ? json::value(*row.rule) : json::value(nullptr)},
          {"matched", std::move(matched)},
          {"pinned", PinnedJson(row.pinned)},
          {"found", std::move(found)},
          {"peer", TextOrNull(row.peer)},
          {"tls", TextOrNull(row.tls)},
          {"policy", std::move(policy)}};
}

}  // namespace

std::string_view SummaryOf(const CheckRow& row) {
  return row.code ? Explained(*row.code) : row.message;
}

std::vector<Pin> MissedPins(const Verdict& verdict) {
  std::vector<Pin> pins;
  const bool missed =
      verdict.outcome == Outcome::kPinMismatch || verdict.outcome == Outcome::kReported;
  if (!missed || !verdict.rule) return pins;
  for (std::size_t i = 0; i < verdict.rule->pin_count(); ++i) pins.push_back(verdict.rule->pin(i));
  return pins;
}

std::vector<std::string> PinnedLines(std::span<const Pin> pins) {
  std::vector<std::string> lines;
  for (const Pin& pin : pins.first(std::min(pins.size(), kMostPinned))) {
    lines.push_back(FormatPin(pin.digest) + "  " + WordsOf(pin));
  }
  if (pins.size() > kMostPinned) {
    lines.push_back("and " + std::to_string(pins.size() - kMostPinned) + " more");
  }
  return lines;
}

json::array PinnedJson(std::span<const Pin> pins) {
  json::array array;
  for (const Pin& pin : pins) {
    array.push_back({{"pin", FormatPin(pin.digest)},
                     {"kind", policy::WordFor(policy::kKindWords, pin.kind)},
                     {"place", policy::WordFor(policy::kPlaceWords, pin.place)},
                     {"use", policy::WordFor(policy::kUseWords, pin.use)}});
  }
  return array;
}

CheckRow RowWithoutVerdict(std::string target, std::string peer, const Error& error) {
  CheckRow row;
  row.target = std::move(target);
  // A chain that is refused before the verifier sees it is no fault of the network.
  row.verdict = ExitOf(error.code) == Exit::kViolated ? NameOf(Outcome::kPkiError) : kNetworkError;
  row.code = error.code;
  row.reasons = {error.code};
  row.message = error.message;
  row.peer = std::move(peer);
  return row;
}

Exit ExitOfRow(const CheckRow& row, Unpinned unpinned) noexcept {
  if (row.is_unpinned()) {
    return unpinned == Unpinned::kViolates ? Exit::kViolated : Exit::kSatisfied;
  }
  if (row.verdict == NameOf(Outcome::kPinnedOk) || row.verdict == NameOf(Outcome::kReported)) {
    return Exit::kSatisfied;
  }
  if (row.verdict == NameOf(Outcome::kSearchBound)) return Exit::kUndecided;
  if (row.verdict == kNetworkError) {
    return row.code ? ExitOf(*row.code) : Exit::kUndecided;
  }
  return Exit::kViolated;
}

bool IsWorse(const CheckRow& a, const CheckRow& b) noexcept {
  const auto rank = [](const CheckRow& row) {
    switch (ExitOfRow(row, Unpinned::kSatisfies)) {
      case Exit::kUsage:
        return 0;
      case Exit::kViolated:
        return 1;
      case Exit::kUndecided:
        return 2;
      case Exit::kSatisfied:
        break;
    }
    return row.verdict == NameOf(Outcome::kReported) ? 3 : row.code ? 4 : 5;
  };
  return rank(a) < rank(b);
}

void PrintCheckText(Output& output, std::span<const CheckRow> rows) {
  for (const CheckRow& row : rows) {
    const std::string target = SafeText(row.target);
    output.Text(target + "  ");
    output.Styled(IsGood(row)                                 ? Style::kGood
                  : row.verdict == NameOf(Outcome::kReported) ? Style::kWarning
                                                              : Style::kBad,
                  row.verdict);
    std::string text = "  ";
    AppendFor(output.medium(), text, SafeText(SummaryOf(row)), 4,
              target.size() + row.verdict.size() + 4);
    AppendDetails(output.medium(), text, row);
    output.Text(text);
  }
}

void PrintCheckJson(Output& output, std::span<const CheckRow> rows) {
  json::array targets;
  for (const CheckRow& row : rows) targets.push_back(RowJson(row));
  output.Json({{"targets", std::move(targets)}});
}

}  // namespace cotter::cli
