// SPDX-License-Identifier: Apache-2.0
#include "cli/scan_row.h"

#include <utility>

#include "net/target.h"
#include <cotter/evaluate.h>

namespace cotter::cli {
namespace {

using probe::AddressFacts;
using probe::LookFacts;

// RowOf is one look as `cotter check` would tell it.
CheckRow RowOf(const std::string& target, const AddressFacts& address, const LookFacts& look) {
  const bool refused = look.chain && !look.chain->seen.verdict.allowed();
  if (!refused && !look.completed() && look.error) {
    return RowWithoutVerdict(target, address.peer, *look.error);
  }
  CheckRow row;
  row.target = target;
  row.peer = address.peer;
  row.tls = look.version;
  if (!look.chain) {
    return RowWithoutVerdict(target, address.peer,
                             Error{Code::kNoVerifiedPath, "the server presented no certificate"});
  }
  const probe::SeenChain& seen = look.chain->seen;
  row.verdict = NameOf(seen.verdict.outcome);
  row.code = seen.code;
  row.message = seen.message;
  if (seen.verdict.rule) row.rule = seen.verdict.rule->pattern();
  row.pinned = MissedPins(seen.verdict);
  if (!look.chain->path_pins.empty()) row.found = look.chain->path_pins.front();
  return row;
}

CheckRow WorstOf(const probe::HostFacts& facts) {
  const std::string target = net::FormatTarget(facts.target);
  std::optional<CheckRow> worst;
  for (const AddressFacts& address : facts.addresses) {
    if (address.passed_over) continue;
    for (const LookFacts& look : address.looks) {
      // What clients without SNI are shown is a fact, and no client of today's.
      const bool counts =
          look.purpose == probe::Purpose::kUsual || look.purpose == probe::Purpose::kOtherKey;
      if (!counts) continue;
      CheckRow row = RowOf(target, address, look);
      if (!worst || IsWorse(row, *worst)) worst = std::move(row);
    }
  }
  if (worst) return *std::move(worst);
  return RowWithoutVerdict(target, {},
                           facts.failure.value_or(Error{Code::kDnsFailed, "no address"}));
}

}  // namespace

ScanRow ScanRowOf(probe::HostFacts facts, const probe::Baseline* baseline) {
  CheckRow check = WorstOf(facts);
  std::vector<probe::Finding> findings = probe::FindingsOf(facts, baseline);
  const std::optional<probe::Lifetime> lifetime = probe::FirstToEnd(facts);
  return {std::move(facts), std::move(check), std::move(findings), lifetime, {}};
}

ScanRow StandbyRowOf(probe::HostFacts facts, std::string endpoint) {
  CheckRow check = WorstOf(facts);
  std::vector<probe::Finding> findings;
  if (auto unproven = probe::ProvesBackup(facts)) findings.push_back(*std::move(unproven));
  const std::optional<probe::Lifetime> lifetime = probe::FirstToEnd(facts);
  return {std::move(facts), std::move(check), std::move(findings), lifetime, std::move(endpoint)};
}

std::string TitleOf(const ScanRow& row) {
  const std::string target = net::FormatTarget(row.facts.target);
  return row.standby.empty() ? target : target + " at standby " + row.standby;
}

Exit ExitOf(const ScanRow& row, Strictness strictness) noexcept {
  // Of a standby endpoint only the key counts: its certificate may be any.
  Exit exit = row.standby.empty() ? ExitOfRow(row.check, Unpinned::kSatisfies) : Exit::kSatisfied;
  for (const probe::Finding& one : row.findings) {
    const bool counts = one.level == probe::Level::kProblem || strictness == Strictness::kStrict;
    if (counts) exit = MergeExits(exit, Exit::kViolated);
  }
  return exit;
}

std::string LifetimeText(const ScanRow& row) {
  if (!row.lifetime) return {};
  const int percent = static_cast<int>(row.lifetime->used * 100);
  return "ends " + FormatDate(row.lifetime->not_after) + ", " + std::to_string(percent) +
         " % of its lifetime is over";
}

}  // namespace cotter::cli
