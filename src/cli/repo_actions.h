// SPDX-License-Identifier: Apache-2.0
//
// The actions of `cotter repo`, one function each; `call` is the command's. Each reports what is
// wrong itself. Used by one thread.
#pragma once

#include <optional>
#include <string>

#include "cli/exit.h"
#include "cli/option.h"
#include "update/repository.h"

namespace cotter::cli {

[[nodiscard]] Exit InitRepository(Call call);  // init
[[nodiscard]] Exit ChangeKeys(Call call);      // add-key ROLE FILE, remove-key ROLE KEYID
[[nodiscard]] Exit SignPending(Call call);   // sign NAME, sign --request, sign --add; refresh NAME
[[nodiscard]] Exit WriteRequest(Call call);  // request ROLE
[[nodiscard]] Exit ShowStatus(Call call);    // status
[[nodiscard]] Exit VerifyPublished(Call call);  // verify
[[nodiscard]] Exit PublishPolicy(Call call);    // publish POLICY
[[nodiscard]] Exit PromotePolicy(Call call);    // promote FROM TO
[[nodiscard]] Exit RollPolicyBack(Call call);   // rollback ENVIRONMENT VERSION

// RepositoryPath is --repo, or its default.
[[nodiscard]] std::string RepositoryPath(Call call);

// FailRepo reports `error` and is its exit code.
[[nodiscard]] Exit FailRepo(const Error& error);

}  // namespace cotter::cli
