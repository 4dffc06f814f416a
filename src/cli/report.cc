// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <string>

#include <unistd.h>

#include "cli/safe_text.h"

namespace cotter::cli {
namespace {

// Line writes in one call, so that lines of several threads or programs stay whole. A standard
// error that cannot be written has nobody to be told.
void Line(std::string_view kind, std::string_view message) {
  std::string line = "cotter: ";
  line += kind;
  AppendSafe(line, message);
  line += '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void ReportError(std::string_view message) { Line("error: ", message); }

void ReportError(std::string_view where, const Error& error) {
  const std::string prefix = where.empty() ? "" : std::string(where) + ": ";
  ReportError(prefix + error.message);
  ReportHint("'cotter explain " + std::string(NameOf(error.code)) + "' says what to do");
}

void ReportWarning(std::string_view message) { Line("warning: ", message); }

void ReportDone(std::string_view message) { Line("", message); }

void ReportHint(std::string_view message) { Line("hint: ", message); }

}  // namespace cotter::cli
