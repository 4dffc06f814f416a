// SPDX-License-Identifier: Apache-2.0
//
// What `cotter check` found at one target, and its forms on standard output. Values; used by one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>

#include "cli/exit.h"
#include "cli/output.h"
#include <cotter/code.h>
#include <cotter/evaluate.h>
#include <cotter/pin.h>
#include <cotter/result.h>

namespace cotter::cli {

// Whether a host that no pin is enforced for satisfies.
enum class Unpinned { kSatisfies, kViolates };

// CheckRow is one target.
struct CheckRow {
  struct Match {
    Digest pin;
    std::size_t index = 0;  // in the verified path; 0 is the leaf
  };
  struct PolicyName {
    std::string name;
    std::uint64_t version = 0;
  };

  std::string target;
  std::string_view verdict;  // as JSON has it; static storage
  std::optional<Code> code;
  std::string message;              // one short line for people
  std::vector<Code> reasons;        // everything that bore on the verdict, each once
  std::vector<std::string> notes;   // what the codes do not tell apart, in words
  std::optional<std::string> rule;  // the pattern of the rule that applied
  std::optional<Match> matched;
  std::vector<Pin> pinned;    // the pins of that rule, where none of them matched
  std::vector<Digest> found;  // the default verified path's SPKI digests, leaf first
  std::string peer;           // "127.0.0.1:443"; empty where nobody was asked
  std::string tls;            // "TLSv1.3"; empty likewise
  std::optional<PolicyName> policy;

  // is_unpinned reports the one yes that --require-pinned turns into a no.
  [[nodiscard]] bool is_unpinned() const noexcept { return verdict == "not_pinned"; }
};

// MissedPins is the pins of the rule of a verdict that none of them matched; empty for others.
[[nodiscard]] std::vector<Pin> MissedPins(const Verdict& verdict);

// PinnedLines is a line for each of `pins`, the first few: the pin, and what the policy says of it.
[[nodiscard]] std::vector<std::string> PinnedLines(std::span<const Pin> pins);

// PinnedJson is all of them.
[[nodiscard]] boost::json::array PinnedJson(std::span<const Pin> pins);

// RowWithoutVerdict is a target that came to no verdict of a policy, for the reason in `error`: it
// could not be asked (network_error), or what it presented is refused whatever the policy says
// (pki_error).
[[nodiscard]] CheckRow RowWithoutVerdict(std::string target, std::string peer, const Error& error);

// ExitOfRow is the exit code that one row leads to.
[[nodiscard]] Exit ExitOfRow(const CheckRow& row, Unpinned unpinned) noexcept;

// IsWorse reports that a row says more against a server than another one. A chain that is refused
// comes before an address that is silent.
[[nodiscard]] bool IsWorse(const CheckRow& a, const CheckRow& b) noexcept;

// SummaryOf is the short line for people: what the row's code means, or its message where it has
// none. Borrowed from `row`, or static.
[[nodiscard]] std::string_view SummaryOf(const CheckRow& row);

// PrintCheckText prints for each target the verdict and one short message, and below them what a
// developer wants to know: of a mismatch the pins of the rule and those that were found.
// PrintCheckJson prints all as one object.
void PrintCheckText(Output& output, std::span<const CheckRow> rows);
void PrintCheckJson(Output& output, std::span<const CheckRow> rows);

}  // namespace cotter::cli
