// SPDX-License-Identifier: Apache-2.0
//
// Keys in tokens on the command line: a URI in the place of a key's name. The PIN comes from where
// passphrases come from. Used by one thread.
#pragma once

#include <string>

#include "cli/option.h"
#include "update/key_store.h"
#include "update/token.h"
#include <cotter/result.h>

namespace cotter::cli {

// OpenToken opens the token that `uri` names and logs in. kUsage for a URI that is none;
// kTokenFailed.
[[nodiscard]] Result<update::Token> OpenToken(Call call, const std::string& uri);

// OpenSigningKey is the private key `name` of --keys, or the one that it names in a token.
[[nodiscard]] Result<update::PrivateKey> OpenSigningKey(Call call, const std::string& name);

// FindPublicKey is its public half. Of a token that too takes the PIN.
[[nodiscard]] Result<update::NamedKey> FindPublicKey(Call call, const std::string& name);

inline constexpr Option kTokenOptions[] = {
    {.name = "module",
     .arg = "FILE",
     .help = "the PKCS #11 library of a token, for pkcs11:token=LABEL;object=NAME; its PIN is read "
             "as a passphrase is",
     .complete = Complete::kFile}};

inline constexpr OptionGroup kTokenGroup{.title = "Keys in a token", .options = kTokenOptions};

}  // namespace cotter::cli
