// SPDX-License-Identifier: Apache-2.0
//
// Lines of a trace without their secrets. Pure, safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace cotter::client {

// SameName compares the names of headers (RFC 9110, 5.1: case-insensitive).
[[nodiscard]] bool SameName(std::string_view a, std::string_view b) noexcept;

// RedactedLine is one line of a request's or answer's head: a header keeps its value only where
// report::RedactHeaders would keep it, a request line loses its query. Allocates.
[[nodiscard]] std::string RedactedLine(std::string_view line);

}  // namespace cotter::client
