// SPDX-License-Identifier: Apache-2.0
//
// What `cotter diagnose` found at one target, and its forms on standard output. Values; used by one
// thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit.h"
#include "cli/output.h"
#include "probe/diagnose.h"
#include "probe/situation.h"

namespace cotter::cli {

// Diagnosis is one target.
struct Diagnosis {
  std::string target;
  probe::Situation situation;
  std::vector<probe::Cause> causes;  // best first
};

// VerdictOf is the one-word answer, as `cotter check --json` has it. Static storage.
[[nodiscard]] std::string_view VerdictOf(const Diagnosis& diagnosis) noexcept;

// ExitOf is the exit code that one target leads to.
[[nodiscard]] Exit ExitOf(const Diagnosis& diagnosis) noexcept;

// PrintDiagnosisText prints for each target the verdict, the causes with evidence and fix, and the
// chain with what matches. PrintDiagnosisJson prints all as one object.
void PrintDiagnosisText(Output& output, std::span<const Diagnosis> diagnoses);
void PrintDiagnosisJson(Output& output, std::span<const Diagnosis> diagnoses);

}  // namespace cotter::cli
