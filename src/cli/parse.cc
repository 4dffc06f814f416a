// SPDX-License-Identifier: Apache-2.0
#include "cli/parse.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/nearest.h"

namespace cotter::cli {

// Parser holds the state of one parse.
class Parser {
 public:
  Parser(const Command& command, std::span<const char* const> words)
      : command_(command), words_(words), arguments_(command) {}

  Parsed Run() {
    while (!error_ && next_ < words_.size()) Word(words_[next_++]);
    if (!error_ && !arguments_.Has(kHelpOption.name)) CheckArguments();
    if (error_) return {.arguments = std::nullopt, .error = std::move(error_)};
    return {.arguments = std::move(arguments_), .error = std::nullopt};
  }

 private:
  void Word(std::string_view word) {
    if (options_ended_ || word.size() < 2 || word.front() != '-') {
      arguments_.positionals_.emplace_back(word);
      options_ended_ |= command_.options == Options::kBeforeArguments;
    } else if (word == "--") {
      options_ended_ = true;
    } else if (word.starts_with("--")) {
      LongOption(word.substr(2));
    } else {
      Letters(word.substr(1));
    }
  }

  void LongOption(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const Option* option = FindOption(command_, name);
    if (option == nullptr) return UnknownOption(name);
    if (equals != std::string_view::npos) {
      const std::string_view value = word.substr(equals + 1);
      if (option->arg.empty()) return Fail(Shown(*option) + " takes no value");
      return Add(*option, value);
    }
    if (option->arg.empty()) return Add(*option, {});
    NextWordIsValue(*option);
  }

  void Letters(std::string_view letters) {
    while (!error_ && !letters.empty()) {
      const Option* option = FindLetter(letters.front());
      if (option == nullptr) {
        return Fail("unknown option '-" + std::string(1, letters.front()) + "'");
      }
      letters.remove_prefix(1);
      if (option->arg.empty()) {
        Add(*option, {});
      } else if (!letters.empty()) {
        return Add(*option, letters);
      } else {
        return NextWordIsValue(*option);
      }
    }
  }

  void NextWordIsValue(const Option& option) {
    if (next_ == words_.size()) {
      return Fail(Shown(option) + " needs a value: " + std::string(option.arg));
    }
    const std::string_view value = words_[next_];
    if (value.starts_with("--")) {
      return Fail(
          Shown(option) + " needs a value, and '" + std::string(value) + "' looks like an option",
          "write " + Shown(option) + "=" + std::string(value) + " if it is the value");
    }
    ++next_;
    Add(option, value);
  }

  void Add(const Option& option, std::string_view value) {
    const bool given = std::any_of(arguments_.options_.begin(), arguments_.options_.end(),
                                   [&](const auto& entry) { return entry.first == &option; });
    if (given && option.repeat == Repeat::kOnce && !option.arg.empty()) {
      return Fail(Shown(option) + " is given twice");
    }
    if (!option.arg.empty() && value.empty()) return Fail(Shown(option) + " has an empty value");
    if (!CheckChoice(option.choices, value, Shown(option))) return;
    arguments_.options_.emplace_back(&option, value);
  }

  bool CheckChoice(std::span<const std::string_view> choices, std::string_view value,
                   const std::string& where) {
    if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) {
      return true;
    }
    std::string list;
    for (const std::string_view choice : choices) {
      list += (list.empty() ? "" : ", ") + std::string(choice);
    }
    const auto nearest = base::Nearest(value, choices);
    Fail(where + " cannot be '" + std::string(value) + "': expected one of " + list,
         nearest ? "did you mean '" + std::string(*nearest) + "'?" : HelpHint());
    return false;
  }

  void CheckArguments() {
    std::size_t least = 0;
    bool unbounded = false;
    for (const Argument& argument : command_.arguments) {
      const bool needed = argument.count == Count::kOne || argument.count == Count::kOneOrMore;
      least += needed ? 1 : 0;
      unbounded |= argument.count == Count::kOneOrMore || argument.count == Count::kAny;
    }
    const auto& given = arguments_.positionals_;
    if (given.size() < least) {
      const std::string_view name = command_.arguments[given.size()].name;
      const bool vowel = std::string_view("AEIO").find(name.front()) != std::string_view::npos;
      return Fail((vowel ? "an " : "a ") + std::string(name) + " is missing");
    }
    if (!unbounded && given.size() > command_.arguments.size()) {
      return Fail("unexpected argument '" + given[command_.arguments.size()] + "'");
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
      const Argument& argument = command_.arguments[std::min(i, command_.arguments.size() - 1)];
      if (!CheckChoice(argument.choices, given[i], std::string(argument.name))) return;
    }
  }

  const Option* FindLetter(char letter) const noexcept {
    for (const OptionGroup& group : command_.groups) {
      for (const Option& option : group.options) {
        if (option.letter == letter) return &option;
      }
    }
    return letter == kHelpOption.letter ? &kHelpOption : nullptr;
  }

  void UnknownOption(std::string_view name) {
    std::vector<std::string_view> names{kHelpOption.name};
    for (const OptionGroup& group : command_.groups) {
      for (const Option& option : group.options) names.push_back(option.name);
    }
    const auto nearest = base::Nearest(name, names);
    Fail("unknown option '--" + std::string(name) + "'",
         nearest ? "did you mean '--" + std::string(*nearest) + "'?" : HelpHint());
  }

  static std::string Shown(const Option& option) { return "--" + std::string(option.name); }

  std::string HelpHint() const {
    return "'cotter help " + std::string(command_.name) + "' shows what it takes";
  }

  void Fail(std::string message) { Fail(std::move(message), HelpHint()); }
  void Fail(std::string message, std::string hint) {
    error_ = UsageError{.message = std::string(command_.name) + ": " + std::move(message),
                        .hint = std::move(hint)};
  }

  const Command& command_;
  std::span<const char* const> words_;
  std::size_t next_ = 0;
  bool options_ended_ = false;
  Arguments arguments_;
  std::optional<UsageError> error_;
};

Parsed ParseArguments(const Command& command, std::span<const char* const> words) {
  return Parser(command, words).Run();
}

}  // namespace cotter::cli
