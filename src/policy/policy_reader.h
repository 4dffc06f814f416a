// SPDX-License-Identifier: Apache-2.0
//
// From a parsed document to the model: every key of the language is asked for here. Used by one
// thread.
#pragma once

#include "policy/table_reader.h"
#include "policy/value.h"
#include <cotter/policy.h>

namespace cotter::policy {

// Whether a document must have its [policy] table.
enum class Header : std::uint8_t { kRequired, kOptional };

// ReadTables adds what the table `root` holds to `policy`; what is wrong goes into `log`. Pin sets
// are not resolved yet.
void ReadTables(Value root, Header header, Policy& policy, ReadLog& log);

}  // namespace cotter::policy
