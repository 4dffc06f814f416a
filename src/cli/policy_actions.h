// SPDX-License-Identifier: Apache-2.0
//
// The actions of `cotter policy`, one function each; `call` is the command's. Each reports what is
// wrong itself. Used by one thread.
#pragma once

#include <string>

#include "cli/exit.h"
#include "cli/option.h"

namespace cotter::cli {

// PolicyPathOf is --policy, or its default.
[[nodiscard]] std::string PolicyPathOf(Call call);

[[nodiscard]] Exit ShowPolicy(Call call);     // show [HOST[:PORT]]
[[nodiscard]] Exit DiffPolicies(Call call);   // diff OLD NEW
[[nodiscard]] Exit ChangePolicy(Call call);   // add, replace-pin and remove-pin HOST
[[nodiscard]] Exit CompilePolicy(Call call);  // compile, --output FILE

}  // namespace cotter::cli
