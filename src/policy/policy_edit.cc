// SPDX-License-Identifier: Apache-2.0
#include "policy/policy_edit.h"

#include <algorithm>
#include <utility>

#include "policy/policy_file.h"
#include "policy/policy_json.h"
#include "policy/policy_text.h"
#include "policy/toml_splice.h"
#include "policy/words.h"
#include <cotter/policy_index.h>

namespace cotter::policy {
namespace {

std::string PinElement(const PolicyPin& entry) {
  const Pin& pin = entry.pin;
  std::string text = "{ pin = \"" + FormatPin(pin.digest) + "\"";
  const auto add = [&](std::string_view key, std::string_view word) {
    text += ", " + std::string(key) + " = \"" + std::string(word) + "\"";
  };
  if (pin.kind != PinKind::kSpki) add("kind", WordFor(kKindWords, pin.kind));
  if (pin.place != PinPlace::kAny) add("place", WordFor(kPlaceWords, pin.place));
  if (pin.use != PinUse::kActive) add("use", WordFor(kUseWords, pin.use));
  if (!entry.label.empty()) text += ", label = " + TomlString(entry.label);
  return text + " }";
}

std::string ChangeElement(const EditNote& note) {
  std::string text = "{ date = " + FormatDate(note.date) + ", reason = " + TomlString(note.reason);
  if (!note.by.empty()) text += ", by = " + TomlString(note.by);
  return text + " }";
}

HostRule* RuleOf(Policy& policy, const HostPattern& pattern) {
  const auto found = std::ranges::find(policy.hosts, pattern, &HostRule::pattern);
  return found == policy.hosts.end() ? nullptr : &*found;
}

// Edit is one change on its way: the text, and the model that it must come to mean.
class Edit {
 public:
  Edit(std::string_view text, std::string_view file, const HostPattern& pattern)
      : text_(text), file_(file), pattern_(pattern) {}

  // Begin reads the text. Two rules of one pattern, on different ports, cannot be told apart here.
  Result<void> Begin() {
    Result<Policy> policy = ReadPolicy(text_, file_);
    if (!policy) return policy.error();
    model_ = *std::move(policy);
    if (text_[text_.find_first_not_of(" \t\r\n")] == '{') {
      return Error{Code::kPolicyInvalid,
                   file_ + ": JSON is written by machines; edit the TOML that it was made of"};
    }
    if (std::ranges::count(model_.hosts, pattern_, &HostRule::pattern) > 1) {
      return Refuse("has rules for several ports; edit the file by hand");
    }
    return Ok();
  }

  [[nodiscard]] Error Refuse(const std::string& why) const {
    return {Code::kPolicyInvalid, file_ + ": " + pattern_.ToString() + " " + why};
  }

  Policy& model() { return model_; }
  std::string& text() { return text_; }
  HostRule* rule() { return RuleOf(model_, pattern_); }

  // Find is where the rule stands now; each splice moves it.
  Result<HostSpot> Find() const {
    std::optional<HostSpot> spot = FindHost(text_, pattern_);
    if (!spot) return Refuse("is not in the file");
    if (!spot->trouble.empty()) return Refuse(std::string(spot->trouble));
    return *std::move(spot);
  }

  // Note writes down why.
  Result<void> Note(const EditNote& note) {
    HostRule* rule = this->rule();
    if (note.reason.empty() || rule == nullptr) return Ok();
    const Time day{note.date.unix_seconds - ((note.date.unix_seconds % 86400) + 86400) % 86400};
    rule->updated = day;
    rule->reason = note.reason;
    rule->history.push_back({day, note.reason, note.by});
    if (Result<void> done = Set("updated", FormatDate(day), &HostSpot::updated); !done) return done;
    if (Result<void> done = Set("reason", TomlString(note.reason), &HostSpot::reason); !done) {
      return done;
    }
    const Result<HostSpot> spot = Find();
    if (!spot) return spot.error();
    const std::string element = ChangeElement(note);
    if (spot->history) {
      AppendElement(text_, *spot->history, element);
    } else {
      InsertLine(*spot, "history = [\n  " + element + ",\n]\n");
    }
    return Ok();
  }

  void InsertLine(const HostSpot& spot, std::string line) {
    if (text_.back() != '\n' && spot.after_pattern == text_.size()) line.insert(0, 1, '\n');
    text_.insert(spot.after_pattern, line);
  }

  // Finish holds the text against the model.
  Result<std::string> Finish() {
    if (Result<void> done = ResolvePinSets(model_); !done) return done.error();
    if (auto fault = FindFault(model_)) {
      return Error{fault->error.code, file_ + ": " + fault->error.message};
    }
    const Result<Policy> read = ReadPolicy(text_, file_);
    if (!read || WritePolicyJson(*read) != WritePolicyJson(model_)) {
      return Error{Code::kInternal,
                   file_ + ": the edit would change more than was asked for; nothing is written"};
    }
    return std::move(text_);
  }

 private:
  Result<void> Set(std::string_view key, const std::string& value,
                   std::optional<Span> HostSpot::*member) {
    const Result<HostSpot> spot = Find();
    if (!spot) return spot.error();
    const std::optional<Span>& span = (*spot).*member;
    if (span) {
      Splice(text_, *span, value);
    } else {
      InsertLine(*spot, std::string(key) + " = " + value + "\n");
    }
    return Ok();
  }

  std::string text_;
  std::string file_;
  const HostPattern& pattern_;
  Policy model_;
};

// AddRule writes a new rule at the end.
void AddRule(Edit& edit, const HostPattern& pattern, const PolicyPin& entry) {
  std::string& text = edit.text();
  if (!text.empty() && text.back() != '\n') text += '\n';
  text += "\n[[host]]\npattern = \"" + pattern.ToString() + "\"\npins = [\n  " + PinElement(entry) +
          ",\n]\n";
  HostRule rule{.pattern = pattern};
  rule.pins.push_back(entry);
  edit.model().hosts.push_back(std::move(rule));
}

}  // namespace

Result<std::string> AddPin(std::string_view text, std::string_view file, const HostPattern& pattern,
                           const PolicyPin& entry, const EditNote& note) {
  Edit edit(text, file, pattern);
  if (Result<void> begun = edit.Begin(); !begun) return begun.error();
  HostRule* rule = edit.rule();
  if (rule == nullptr) {
    AddRule(edit, pattern, entry);
  } else {
    const bool known = std::ranges::any_of(rule->pins, [&](const PolicyPin& have) {
      return have.pin.digest == entry.pin.digest && have.pin.kind == entry.pin.kind;
    });
    if (known) return edit.Refuse("has the pin " + FormatPin(entry.pin.digest) + " already");
    const Result<HostSpot> spot = edit.Find();
    if (!spot) return spot.error();
    if (spot->pins) {
      AppendElement(edit.text(), *spot->pins, PinElement(entry));
    } else {
      edit.InsertLine(*spot, "pins = [\n  " + PinElement(entry) + ",\n]\n");
    }
    const auto shared =
        std::ranges::find_if(rule->pins, [](const PolicyPin& have) { return !have.set.empty(); });
    rule->pins.insert(shared, entry);
  }
  if (Result<void> noted = edit.Note(note); !noted) return noted.error();
  return edit.Finish();
}

Result<std::string> RemovePin(std::string_view text, std::string_view file,
                              const HostPattern& pattern, const Digest& digest,
                              const EditNote& note) {
  Edit edit(text, file, pattern);
  if (Result<void> begun = edit.Begin(); !begun) return begun.error();
  HostRule* rule = edit.rule();
  if (rule == nullptr) return edit.Refuse("is not in the file");
  const std::size_t removed = std::erase_if(rule->pins, [&](const PolicyPin& have) {
    return have.set.empty() && have.pin.digest == digest;
  });
  if (removed == 0) return edit.Refuse("has no pin " + FormatPin(digest) + " of its own");
  for (std::size_t i = 0; i < removed; ++i) {
    const Result<HostSpot> spot = edit.Find();
    if (!spot) return spot.error();
    const auto at = std::ranges::find_if(spot->pin_spots, [&](const PinSpot& have) {
      const Result<Digest> read = ParsePin(have.pin);
      return read && *read == digest;
    });
    if (!spot->pins || at == spot->pin_spots.end()) return edit.Refuse("cannot be edited");
    RemoveElement(edit.text(), *spot->pins, static_cast<std::size_t>(at - spot->pin_spots.begin()));
  }
  if (Result<void> noted = edit.Note(note); !noted) return noted.error();
  return edit.Finish();
}

Result<std::string> ReplacePin(std::string_view text, std::string_view file,
                               const HostPattern& pattern, const Digest& from, const Digest& to,
                               const EditNote& note) {
  Edit edit(text, file, pattern);
  if (Result<void> begun = edit.Begin(); !begun) return begun.error();
  HostRule* rule = edit.rule();
  const auto own = [&](const PolicyPin& have) {
    return have.set.empty() && have.pin.digest == from;
  };
  if (rule == nullptr || std::ranges::none_of(rule->pins, own)) {
    return edit.Refuse("has no pin " + FormatPin(from) + " of its own");
  }
  for (PolicyPin& have : rule->pins) {
    if (!own(have)) continue;
    have.pin.digest = to;
    const Result<HostSpot> spot = edit.Find();
    if (!spot) return spot.error();
    const auto at = std::ranges::find_if(spot->pin_spots, [&](const PinSpot& spelled) {
      const Result<Digest> read = ParsePin(spelled.pin);
      return read && *read == from;
    });
    if (at == spot->pin_spots.end()) return edit.Refuse("cannot be edited");
    Splice(edit.text(), at->value, "\"" + FormatPin(to) + "\"");
  }
  if (Result<void> noted = edit.Note(note); !noted) return noted.error();
  return edit.Finish();
}

}  // namespace cotter::policy
