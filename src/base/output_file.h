// SPDX-License-Identifier: Apache-2.0
//
// Writing where a user says: the file behind a symbolic link, a pipe, a device. For the output of
// commands; what a program keeps for itself is written by WriteFileAtomically, which follows no
// link. Safe from any thread.
#pragma once

#include <string>

#include <cotter/bytes.h>
#include <cotter/result.h>

namespace cotter::base {

// WriteOutputFile makes `content` all that is in the file at `path`, or leaves it as it was. A
// symbolic link stays, and what it leads to is replaced; an existing file keeps its permissions; a
// pipe or a device is written to, and is never replaced. Fails with kFileUnreadable.
[[nodiscard]] Result<void> WriteOutputFile(const std::string& path, ByteView content);

}  // namespace cotter::base
