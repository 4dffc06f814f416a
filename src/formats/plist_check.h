// SPDX-License-Identifier: Apache-2.0
//
// What a property list may cost before libplist may read it. Pure, safe from any thread.
#pragma once

#include <optional>
#include <string>

#include "formats/source_text.h"
#include <cotter/bytes.h>

namespace cotter::formats {

// XmlPlistFault is what is wrong with an XML property list, as an error with its position; nullopt
// where libplist may read it: no entities, no DTD but Apple's, no key twice, not too deep.
[[nodiscard]] std::optional<Error> XmlPlistFault(const SourceText& source);

// BinaryPlistFault is what is wrong with a binary property list; nullopt where the tree that its
// objects unfold to is finite and within kMaxPlistDepth and kMaxPlistNodes.
[[nodiscard]] std::optional<std::string> BinaryPlistFault(ByteView bytes);

}  // namespace cotter::formats
