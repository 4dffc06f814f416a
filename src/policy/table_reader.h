// SPDX-License-Identifier: Apache-2.0
//
// Reading one table of a policy strictly: each key is asked for once, with its type, and a key that
// nobody asked for is an error. Errors are kept, later reads return nothing, and Finish tells of
// unknown keys. Not thread-safe; borrows the document.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "policy/value.h"
#include <cotter/result.h>
#include <cotter/time.h>

namespace cotter::policy {

// PolicyKey is a key of the language: the table it stands in, its name, and what it takes.
struct PolicyKey {
  std::string table;
  std::string key;
  std::string type;  // "string", "date", "array of strings", or the words it takes with " | "

  friend auto operator<=>(const PolicyKey&, const PolicyKey&) = default;
};

// ReadIssue is one thing that is wrong in a file.
struct ReadIssue {
  Code code = Code::kPolicyInvalid;
  SourcePosition at;
  std::string message;  // without file and position
  std::string rule{};   // the host pattern, where it is known
};

// Whether reading goes on behind an error.
enum class Errors : std::uint8_t {
  kFirst,    // the first error is what counts
  kCollect,  // what is wrong is left out, and reading goes on; for lint
};

// ReadLog is what was noticed while a document was read.
class ReadLog {
 public:
  // A file can be wrong in every line; nobody reads more than this many.
  static constexpr std::size_t kMaxIssues = 1000;

  explicit ReadLog(Errors errors) : errors_(errors) {}

  void Add(Code code, SourcePosition at, std::string message);

  // stopped reports that nothing more needs to be read.
  [[nodiscard]] bool stopped() const noexcept {
    return issues_.size() >= (errors_ == Errors::kFirst ? 1 : kMaxIssues);
  }
  [[nodiscard]] const std::vector<ReadIssue>& issues() const noexcept { return issues_; }

  // RecordKeys keeps every key asked for in `keys`, which outlives the log.
  void RecordKeys(std::vector<PolicyKey>& keys) noexcept { keys_ = &keys; }
  void NoteKey(std::string_view table, std::string_view key, std::string_view type);
  [[nodiscard]] bool records_keys() const noexcept { return keys_ != nullptr; }

 private:
  Errors errors_;
  std::vector<ReadIssue> issues_;
  std::vector<PolicyKey>* keys_ = nullptr;
};

// Word is one allowed value of a key and what it stands for.
template <typename T>
struct Word {
  std::string_view text;
  T value;
};

class TableReader {
 public:
  // `value` is a table; `where` names it in errors, as "[policy]".
  TableReader(Value value, std::string_view where, ReadLog& log)
      : value_(value), where_(where), log_(log) {}

  // Each reads the value of `key`; nullopt where the key is absent or an error was recorded.
  [[nodiscard]] std::optional<std::string> String(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> Integer(std::string_view key, std::int64_t least,
                                                    std::int64_t most);
  [[nodiscard]] std::optional<bool> Boolean(std::string_view key);
  // Date reads a date-time with an offset, a bare date (00:00:00 UTC of that day), or either as a
  // string.
  [[nodiscard]] std::optional<Time> Date(std::string_view key);
  [[nodiscard]] std::vector<std::string> Strings(std::string_view key);
  // Array calls `each` for every element of an array of `elements` ("tables"). An absent key is an
  // empty array. Returns whether the key is there.
  bool Array(std::string_view key, std::string_view elements,
             const std::function<void(Value)>& each);
  // Tables is Array for tables; what is none is an error that says what was `expected`.
  void Tables(std::string_view key, const std::function<void(Value)>& each,
              std::string_view expected = "a table");
  [[nodiscard]] std::optional<Value> Table(std::string_view key);

  // Choice reads one of a few words.
  template <typename T, std::size_t N>
  [[nodiscard]] std::optional<T> Choice(std::string_view key, const Word<T> (&words)[N]) {
    std::vector<std::string_view> known;
    if (log_.records_keys()) {
      for (const Word<T>& word : words) known.push_back(word.text);
    }
    const std::optional<std::string_view> text = ChoiceText(key, known);
    if (!text) return std::nullopt;
    for (const Word<T>& word : words) {
      if (word.text == *text) return word.value;
    }
    known.clear();
    for (const Word<T>& word : words) known.push_back(word.text);
    ReportUnknownWord(key, *text, known);
    return std::nullopt;
  }

  // Fail records an error at the value of `key`, or at the table where it is absent; where it is
  // absent and a key that nobody asked for looks like it, the error is that one's spelling.
  void Fail(Code code, std::string_view key, const std::string& message);

  // Finish records an error for each key that was not asked for.
  void Finish();

  [[nodiscard]] std::uint32_t line() const { return value_.position().line; }

 private:
  std::optional<Value> Take(std::string_view key, std::string_view type);
  std::optional<std::string_view> ChoiceText(std::string_view key,
                                             std::span<const std::string_view> known);
  // ReportMisspelt records that the absent `key` is there in another spelling; false if it is not.
  bool ReportMisspelt(std::string_view key);
  void ReportType(std::string_view key, Value found, std::string_view expected);
  void ReportUnknownWord(std::string_view key, std::string_view found,
                         std::span<const std::string_view> known);

  Value value_;
  std::string_view where_;
  ReadLog& log_;
  std::vector<std::string_view> known_;
};

// What the configurations of programs that run for ever read with it, besides:

// PathBeside is `path`, seen from the folder of `file`, which names it. Allocates.
[[nodiscard]] std::string PathBeside(const std::string& file, const std::string& path);

// ReadNumber reads a number of at least `least` and at most `most`, where the key is there.
template <typename Number>
void ReadNumber(TableReader& table, std::string_view key, std::int64_t least, std::int64_t most,
                Number& into) {
  if (const auto number = table.Integer(key, least, most)) into = static_cast<Number>(*number);
}

// ReadRequired reads a text by `parse`, which returns a Result of what it understands. Where the
// key is absent, `missing` is the error.
template <typename Parse>
[[nodiscard]] auto ReadRequired(TableReader& table, std::string_view key,
                                const std::string& missing, Parse&& parse)
    -> std::optional<std::decay_t<decltype(*parse(std::string_view()))>> {
  const auto text = table.String(key);
  if (!text) {
    table.Fail(Code::kPolicyInvalid, key, missing);
    return std::nullopt;
  }
  auto parsed = parse(*text);
  if (parsed) return *std::move(parsed);
  table.Fail(Code::kPolicyInvalid, key, parsed.error().message);
  return std::nullopt;
}

}  // namespace cotter::policy
