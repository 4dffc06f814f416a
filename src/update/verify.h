// SPDX-License-Identifier: Apache-2.0
//
// What makes metadata trusted: enough keys signed it, and it is the file that other metadata
// names. Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "update/metadata.h"
#include <cotter/result.h>

namespace cotter::update {

// VerifySignatures checks that `role.threshold` different keys of `role` signed `file`. Keys are
// different by what they are, not by their ids. kSignatureThreshold says how many did.
[[nodiscard]] Result<void> VerifySignatures(const Envelope& file, const RoleKeys& role,
                                            const KeySet& keys);

// CountSigners is how many different keys of `role` signed `file`, be it more than have to.
[[nodiscard]] std::size_t CountSigners(const Envelope& file, const RoleKeys& role,
                                       const KeySet& keys);

// VerifyContent checks the length and the hashes that `info` has for the file `content`: SHA-256
// and SHA-512; of its hashes one at least has to be known, and all of those have to match.
// kMetadataMismatch.
[[nodiscard]] Result<void> VerifyContent(std::string_view content, const FileInfo& info);

}  // namespace cotter::update
