// SPDX-License-Identifier: Apache-2.0
//
// How `cotter exec` becomes the program: where its library stands, which file the program is, what
// environment it gets, and exec. The front of cotter is made of this, so it needs the standard
// library and the room coverage alone. For one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cotter/result.h>

namespace cotter::cli {

// ExecSettings is what the program is run with.
struct ExecSettings {
  std::string library;  // FindPreload
  std::string policy;   // path of the compiled policy
  std::string options;  // words with commas between
  std::string audit;    // full path, or empty
};

// ExecRequest is what `cotter exec` is asked to do.
struct ExecRequest {
  std::optional<std::string> policy;
  std::optional<std::string> audit;
  std::optional<std::string> audit_events;
  bool report_only = false;
  bool allow_uncovered = false;
  std::vector<std::string> words;  // the program, and its arguments
};

// OptionsOf is the words for ExecSettings::options.
[[nodiscard]] std::string OptionsOf(const ExecRequest& request);

// FindPart is the full path of a part of cotter: beside this program, as it is built, or in
// ../lib/cotter, as it is installed; empty where it is in neither.
[[nodiscard]] std::string FindPart(std::string_view name);

// FindPreload is the full path of the preload library. Fails with kFileUnreadable.
[[nodiscard]] Result<std::string> FindPreload();

// FindProgram is the file that `name` means to a shell: itself where it holds a slash, else the
// first executable of that name in PATH; empty where there is none.
[[nodiscard]] std::string FindProgram(const std::string& name);

// PrepareAudit makes the audit file at `path`, 0600, if it is not there, and is its full path.
// Fails with kFileUnreadable.
[[nodiscard]] Result<std::string> PrepareAudit(const std::string& path);

// Environment is this process's environment with `settings` in it.
[[nodiscard]] std::vector<std::string> EnvironmentOf(const ExecSettings& settings);

// MayRun reports that the file at `program` is covered, or nothing that can be run at all.
[[nodiscard]] bool MayRun(const std::string& program);

// Become runs the file at `program` in the place of this process, with `words` as its arguments,
// its name first. It returns only where that failed, with errno.
[[nodiscard]] int Become(const std::string& program, const std::vector<std::string>& words,
                         const ExecSettings& settings);

}  // namespace cotter::cli
