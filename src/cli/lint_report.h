// SPDX-License-Identifier: Apache-2.0
//
// The findings of lint in the forms that people and pipelines read. Values; used by one thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output.h"
#include "policy/lint.h"

namespace cotter::cli {

enum class LintFormat {
  kText,
  kJson,
  kSarif,   // SARIF 2.1.0, for code scanning
  kJunit,   // JUnit XML, for test reports
  kGithub,  // workflow commands of GitHub Actions
};

inline constexpr std::string_view kLintFormatNames[] = {"text", "json", "sarif", "junit", "github"};

// LintedFile is one file and what was found in it.
struct LintedFile {
  std::string name;
  std::vector<policy::Finding> findings;
};

// CountFindings is how many findings have `severity`.
[[nodiscard]] std::size_t CountFindings(std::span<const LintedFile> files,
                                        policy::Severity severity);

// PrintFindings prints all findings in `format`.
void PrintFindings(Output& output, std::span<const LintedFile> files, LintFormat format);

}  // namespace cotter::cli
