// SPDX-License-Identifier: Apache-2.0
//
// Talk, on standard error: one line each, "cotter: error: ...", lower case, no full stop. Every
// text is made safe for the terminal. Safe from any thread; lines do not mix.
#pragma once

#include <string_view>

#include <cotter/result.h>

namespace cotter::cli {

// ReportError says what went wrong.
void ReportError(std::string_view message);

// ReportError says what went wrong with `where` (a file, a target; may be empty), and hints at the
// page of the error's code.
void ReportError(std::string_view where, const Error& error);

// ReportWarning says what is worth knowing and stops nothing.
void ReportWarning(std::string_view message);

// ReportDone says what was done, for commands that print nothing.
void ReportDone(std::string_view message);

// ReportHint says what to do about the error just reported.
void ReportHint(std::string_view message);

}  // namespace cotter::cli
