// SPDX-License-Identifier: Apache-2.0
//
// The options of every command that takes its policy from a signed repository, and what they mean.
// For one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/option.h"
#include <cotter/result.h>
#include <cotter/update.h>

namespace cotter::cli {

inline constexpr Option kFloorOption{
    .name = "floor",
    .arg = "FILE",
    .help = "keeps the highest version seen outside of the state, should that be deleted",
    .complete = Complete::kFile};

inline constexpr Option kRemoteOptions[] = {
    {.name = "remote",
     .arg = "URL",
     .help = "take the policy from this signed repository; further ones are mirrors",
     .repeat = Repeat::kMany},
    {.name = "root",
     .arg = "FILE",
     .help = "the repository's root, for the first time; it came another way than the network",
     .complete = Complete::kFile},
    {.name = "state",
     .arg = "DIR",
     .help = "keeps what is trusted (default: one for each repository, in the user's state)",
     .complete = Complete::kDirectory},
    kFloorOption,
    {.name = "remote-cacert",
     .arg = "FILE",
     .help = "trust these roots for the repository, in place of the system's",
     .complete = Complete::kFile},
    {.name = "insecure-remote-http",
     .help = "insecure: allow http:// there: signatures hold, but who reads along sees"}};

inline constexpr OptionGroup kRemoteGroup{.title = "Signed policy", .options = kRemoteOptions};

// RemoteOptionsOf is what `arguments` say, nullopt where they name no repository. `environment` is
// what this client is; empty for production. The state is made where it is the default one. Fails
// with kUsage where an option makes no sense without --remote, or there is no place for the state.
[[nodiscard]] Result<std::optional<update::RemoteOptions>> RemoteOptionsOf(
    const Arguments& arguments, std::string_view environment);

}  // namespace cotter::cli
