// SPDX-License-Identifier: Apache-2.0
//
// How `cotter exec` becomes the program: where its library stands, which file the program is, what
// environment it gets, and exec. For one thread.
#pragma once

#include <string>
#include <vector>

#include "cli/exit.h"
#include <cotter/result.h>

namespace cotter::cli {

// The exit codes of `cotter exec` itself, as those of env and timeout. Every other is the
// program's.
inline constexpr Exit kExecFailed = static_cast<Exit>(125);    // no policy, no library, misuse
inline constexpr Exit kExecRefused = static_cast<Exit>(126);   // found, but not run
inline constexpr Exit kExecNotFound = static_cast<Exit>(127);  // there is no such program

// ExecSettings is what the program is run with.
struct ExecSettings {
  std::string library;  // FindPreload
  std::string policy;   // path of the compiled policy
  std::string options;  // words with commas between
  std::string audit;    // full path, or empty
};

// FindPreload is the full path of the preload library: beside this program, as it is built, or in
// ../lib/cotter, as it is installed. Fails with kFileUnreadable.
[[nodiscard]] Result<std::string> FindPreload();

// FindProgram is the file that `name` means to a shell: itself where it holds a slash, else the
// first executable of that name in PATH; empty where there is none.
[[nodiscard]] std::string FindProgram(const std::string& name);

// PrepareAudit makes the audit file at `path`, 0600, if it is not there, and is its full path.
// Fails with kFileUnreadable.
[[nodiscard]] Result<std::string> PrepareAudit(const std::string& path);

// Environment is this process's environment with `settings` in it.
[[nodiscard]] std::vector<std::string> EnvironmentOf(const ExecSettings& settings);

// Become runs the file at `program` in the place of this process, with `words` as its arguments,
// its name first. It returns only where that failed, with the exit code for the reason, which it
// has reported.
[[nodiscard]] Exit Become(const std::string& program, const std::vector<std::string>& words,
                          const ExecSettings& settings);

}  // namespace cotter::cli
