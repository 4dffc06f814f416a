// SPDX-License-Identifier: Apache-2.0
#include "update/remote_metrics.h"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metrics_writer.h"

namespace cotter::update {
namespace {

void AddEmergency(base::MetricsWriter& text, const std::vector<EmergencyStatement>& statements) {
  constexpr std::pair<EmergencyKind, std::string_view> kKinds[] = {
      {EmergencyKind::kSuspend, "suspend"},
      {EmergencyKind::kRevoke, "revoke"},
      {EmergencyKind::kAddPin, "add_pin"}};
  text.Family("cotter_emergency_active", "gauge", "Emergency statements in force, by kind.");
  for (const auto& kind : kKinds) {
    std::uint64_t count = 0;
    for (const EmergencyStatement& statement : statements) {
      count += statement.kind == kind.first ? 1U : 0U;
    }
    text.Sample(base::MetricLabel("kind", kind.second), count);
  }
  if (statements.empty()) return;
  text.Family("cotter_emergency_expiry_timestamp_seconds", "gauge",
              "When an emergency statement ends; a revocation has no end.");
  for (const EmergencyStatement& statement : statements) {
    if (!statement.until) continue;
    text.Sample(base::MetricLabel("statement", statement.id), statement.until->unix_seconds);
  }
}

}  // namespace

std::string RemoteMetricsText(const RemoteStatus& status, const RejectionCounts& rejections) {
  using base::MetricLabel;
  base::MetricsWriter text;
  const auto add_polls = [&text](PollOutcome outcome, std::uint64_t count) {
    text.Sample(MetricLabel("outcome", NameOf(outcome)), count);
  };
  text.Family("cotter_update_polls_total", "counter", "Polls of the repository, by outcome.");
  add_polls(PollOutcome::kUpdated, status.updated);
  add_polls(PollOutcome::kUnchanged, status.unchanged);
  add_polls(PollOutcome::kRejected, status.rejections);
  text.Family("cotter_update_early_polls_total", "counter",
              "Of those polls, the ones that a pin mismatch brought forward.");
  text.Sample("", status.early);
  text.Family("cotter_update_rejected_total", "counter",
              "Updates that were rejected, by step and code.");
  for (const auto& [what, count] : rejections) {
    text.Sample(MetricLabel("step", what.first) + "," + MetricLabel("code", NameOf(what.second)),
                count);
  }
  text.Family("cotter_update_policy_version", "gauge", "The version of the policy in force.");
  text.Sample("", status.version);
  if (status.last_success) {
    text.Family("cotter_update_last_success_timestamp_seconds", "gauge",
                "When a poll last went well, in this process.");
    text.Sample("", status.last_success->unix_seconds);
  }
  if (status.timestamp_expires) {
    text.Family("cotter_update_timestamp_expiry_timestamp_seconds", "gauge",
                "When the repository's timestamp expires, as last seen.");
    text.Sample("", status.timestamp_expires->unix_seconds);
  }
  AddEmergency(text, status.emergency);
  return text.Take();
}

}  // namespace cotter::update
