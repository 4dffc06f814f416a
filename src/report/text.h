// SPDX-License-Identifier: Apache-2.0
//
// Text for log lines. Pure, safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <cotter/pin.h>

namespace cotter::report {

// Quoted is `text` as the value of a key=value line: as it is where it is plain, else in double
// quotes, with quotes, backslashes and whatever is not printable ASCII escaped, so that nobody can
// write a second line or another key. Cut at 1,024 bytes.
[[nodiscard]] std::string Quoted(std::string_view text);

// PinList is the pins, separated by spaces.
[[nodiscard]] std::string PinList(std::span<const Digest> pins);

}  // namespace cotter::report
