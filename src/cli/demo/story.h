// SPDX-License-Identifier: Apache-2.0
//
// The story that `cotter demo` tells: a private CA, pins, a renewal, an interceptor with a trusted
// CA, and a backup key, each with real TLS on loopback. Every step is checked against what the
// servers and the verdicts recorded; nothing is printed here, and no file is written.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace cotter::cli {

// Step is one step of the story as it happened.
struct Step {
  std::string name;                   // "pinned": stable, for --json
  std::string title;                  // a sentence
  std::vector<std::string> lines;     // what happened, for people
  boost::json::object facts;          // the same as data
  std::vector<std::string> failures;  // what should have happened and did not; empty: all did
};

// TellStory runs the story and hands over each step as it ends. A step that fails ends it. True
// only if every step happened as it should. Takes well under a second, and never more than 9.
[[nodiscard]] bool TellStory(const std::function<void(const Step&)>& listener);

}  // namespace cotter::cli
