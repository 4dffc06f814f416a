// SPDX-License-Identifier: Apache-2.0
//
// Where the compiled policies that `cotter exec` starts from are kept: one folder of the user's,
// and in it a file for each state of a policy file, found again by looking at that file's facts
// alone. The front of cotter is made of this, so it needs the standard library alone. Safe from any
// thread and any number of processes at once.
#pragma once

#include <optional>
#include <string>

namespace cotter::cli {

// The program behind the front, which compiles policies, and does all else.
inline constexpr const char* kMainProgram = "cotter-main";

// StoreFolder is the folder, made if it is not there; empty where there is no place for it that
// only this user can write.
[[nodiscard]] std::string StoreFolder();

// StoredName is the file name for what becomes of the policy file at `path` in its present state,
// by this build of cotter; nullopt where the state could not be told from a later one.
[[nodiscard]] std::optional<std::string> StoredName(const std::string& path);

// IsStored reports that a file at `path` is one that we stored whole, and notes that it is used.
[[nodiscard]] bool IsStored(const std::string& path);

// PruneStore removes from `folder` what nobody has used for a day and nobody seems to use, where it
// is more than a few dozen files.
void PruneStore(const std::string& folder);

}  // namespace cotter::cli
