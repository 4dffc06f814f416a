// SPDX-License-Identifier: Apache-2.0
//
// A suspicion is a cause in the making: each piece of evidence takes away part of the doubt that is
// left, and what speaks against it takes away part of the confidence. For the files that diagnose.
// A value of one thread.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "probe/diagnose.h"

namespace cotter::probe {

class Suspicion {
 public:
  explicit Suspicion(Code code) : code_(code) {}

  // For adds evidence. `weight`, from 0 to 1, is how sure one would be with this alone.
  Suspicion& For(double weight, std::string evidence) {
    doubt_ *= 1 - weight;
    evidence_.push_back(std::move(evidence));
    return *this;
  }

  // Note adds what the reader must know beside, which speaks neither for the cause nor against it.
  Suspicion& Note(std::string text) { return For(0, std::move(text)); }

  // Against lowers the confidence by the share `weight`, from 0 to 1.
  Suspicion& Against(double weight) {
    belief_ *= 1 - weight;
    return *this;
  }

  [[nodiscard]] bool has_evidence() const noexcept { return !evidence_.empty(); }

  // Tell adds the cause to `causes`, unless too little speaks for it.
  void Tell(std::string fix, std::vector<Cause>& causes) const {
    // No evidence from outside a machine makes one certain.
    constexpr double kMost = 0.99;
    const double confidence = std::min(kMost, (1 - doubt_) * belief_);
    if (evidence_.empty() || confidence < kLeastConfidence) return;
    causes.push_back({code_, confidence, evidence_, std::move(fix)});
  }

 private:
  Code code_;
  double doubt_ = 1;
  double belief_ = 1;
  std::vector<std::string> evidence_;
};

// The groups of causes, each in a file of its own. Each adds what it finds to `causes`.
void DiagnoseReach(const Situation& situation, std::vector<Cause>& causes);
void DiagnosePath(const Situation& situation, const SeenChain& chain, std::vector<Cause>& causes);
void DiagnoseOthers(const Situation& situation, const SeenChain& chain, std::vector<Cause>& causes);
void DiagnosePins(const Situation& situation, const SeenChain& chain, std::vector<Cause>& causes);

}  // namespace cotter::probe
