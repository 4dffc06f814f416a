// SPDX-License-Identifier: Apache-2.0
//
// Dictionaries and arrays that stand as literals in Swift and Objective-C, as the tree that a
// property list gives: apps keep the same settings in either. Nothing is evaluated. Pure.
#pragma once

#include <cstddef>

#include "formats/plist_tree.h"
#include "formats/source_code.h"

namespace cotter::formats {

// ReadLiteral reads the literal whose first token is `at`, and moves `at` behind it. Members and
// items that are made at run time are kOther, keys that are so are empty; constants of TrustKit
// (kTSKPinnedDomains) are the keys that they stand for (TSKPinnedDomains). What is nested deeper
// than kMaxPlistDepth is kOther.
[[nodiscard]] PlistValue ReadLiteral(const SourceCode& code, std::size_t& at);

}  // namespace cotter::formats
