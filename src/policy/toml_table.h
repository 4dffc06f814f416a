// SPDX-License-Identifier: Apache-2.0
//
// Reading one TOML table strictly: each key is asked for once, with its type, and a key that nobody
// asked for is an error. The first error is kept, later reads return defaults, and Finish tells.
// Not thread-safe; borrows the table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/toml.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::policy {

// TomlErrors keeps the first error of a file, with its position.
class TomlErrors {
 public:
  explicit TomlErrors(std::string_view file) : file_(file) {}

  // Add records "file:line:column: message", unless an error stands already.
  void Add(Code code, const toml::source_position& at, std::string message);

  [[nodiscard]] bool any() const noexcept { return first_.has_value(); }
  [[nodiscard]] const std::optional<Error>& first() const noexcept { return first_; }

 private:
  std::string file_;
  std::optional<Error> first_;
};

// Word is one allowed value of a key and what it stands for.
template <typename T>
struct Word {
  std::string_view text;
  T value;
};

class TomlTable {
 public:
  // `where` names the table in errors, as "[policy]".
  TomlTable(const toml::table& table, std::string_view where, TomlErrors& errors)
      : table_(table), where_(where), errors_(errors) {}

  // Each reads the value of `key`; nullopt where the key is absent or an error was recorded.
  [[nodiscard]] std::optional<std::string> String(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> Integer(std::string_view key, std::int64_t least,
                                                    std::int64_t most);
  [[nodiscard]] std::optional<bool> Boolean(std::string_view key);
  // Date reads a TOML date-time with an offset, a bare date (00:00:00 UTC of that day), or either
  // as a string.
  [[nodiscard]] std::optional<Time> Date(std::string_view key);
  [[nodiscard]] std::vector<std::string> Strings(std::string_view key);
  // Array calls `each` for every element of an array. An absent key is an empty array.
  void Array(std::string_view key, const std::function<void(const toml::node&)>& each);
  [[nodiscard]] const toml::table* Table(std::string_view key);

  // Choice reads one of a few words.
  template <typename T, std::size_t N>
  [[nodiscard]] std::optional<T> Choice(std::string_view key, const Word<T> (&words)[N]) {
    const std::optional<std::string> text = String(key);
    if (!text) return std::nullopt;
    std::vector<std::string_view> known;
    for (const Word<T>& word : words) {
      if (word.text == *text) return word.value;
      known.push_back(word.text);
    }
    ReportUnknownWord(key, *text, known);
    return std::nullopt;
  }

  // Fail records an error at the value of `key`, or at the table where it is absent.
  void Fail(Code code, std::string_view key, const std::string& message);

  // Finish records an error for the first key that was not asked for.
  void Finish();

  [[nodiscard]] std::uint32_t line() const noexcept { return table_.source().begin.line; }

 private:
  const toml::node* Take(std::string_view key);
  void ReportType(std::string_view key, const toml::node& node, std::string_view expected);
  void ReportUnknownWord(std::string_view key, std::string_view found,
                         std::span<const std::string_view> known);

  const toml::table& table_;
  std::string_view where_;
  TomlErrors& errors_;
  std::vector<std::string_view> known_;
};

}  // namespace cotter::policy
