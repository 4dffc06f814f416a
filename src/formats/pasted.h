// SPDX-License-Identifier: Apache-2.0
//
// PEM that lost its lines on the way: out of a JSON string ("\n" as two characters), a variable of
// the environment (spaces for newlines), a mail ("> " in front), a log (all on one line), or a
// Windows shell (UTF-16). What OpenSSL does not read is put back into lines here, and then read as
// strictly as any other PEM. Pure, safe from any thread.
#pragma once

#include <optional>
#include <string>

#include <cotter/bytes.h>

namespace cotter::formats {

// Unfold is `input` with the lines that PEM has, one block after another; nullopt where `input`
// needs none of it, or is no PEM either way. Text around blocks is dropped. Linear in the input.
// The caller wipes the text: it may hold a private key.
[[nodiscard]] std::optional<std::string> Unfold(ByteView input);

}  // namespace cotter::formats
