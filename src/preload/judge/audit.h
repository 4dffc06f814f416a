// SPDX-License-Identifier: Apache-2.0
//
// What is told of a connection: a line for people on standard error, and a line of JSON in the
// audit file. A violation is told before the program learns of it. Safe from any thread and any
// process: a line is one write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/evaluate.h>
#include <cotter/host.h>
#include <cotter/time.h>

namespace cotter::preload {

// What became of a connection.
enum class Action : std::uint8_t { kAllowed, kReported, kRefused };

// Event is one connection. It borrows.
struct Event {
  Action action;
  const Endpoint* endpoint = nullptr;  // null where it is unknown
  std::string_view outcome;            // Verdict's, by name
  std::optional<Code> code{};
  std::string_view message{};  // why it is refused or reported
  std::vector<Reason> reasons{};
  std::vector<Digest> found{};  // SPKI digests, leaf first
  std::string rule{};           // the pattern that applied
  std::string_view peer{};      // the socket's address
  bool unlisted = false;        // no rule names the host
  bool resumed = false;
};

// Tell tells of `event`, as the settings ask for.
void Tell(const Event& event, Time now);

// TellUndecidable tells of a connection that is refused because something about it is unknown.
void TellUndecidable(std::string_view why, std::string_view peer, Action action);

}  // namespace cotter::preload
