// SPDX-License-Identifier: Apache-2.0
#include "update/remote_metrics.h"

#include <string_view>

namespace cotter::update {
namespace {

void AddHead(std::string& text, std::string_view name, std::string_view type,
             std::string_view help) {
  text.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void AddGauge(std::string& text, std::string_view name, std::string_view help, std::int64_t value) {
  AddHead(text, name, "gauge", help);
  text.append(name).append(" ").append(std::to_string(value)).append("\n");
}

}  // namespace

std::string RemoteMetricsText(const RemoteStatus& status, const RejectionCounts& rejections) {
  std::string text;
  AddHead(text, "cotter_update_polls_total", "counter", "Polls of the repository, by outcome.");
  const auto add_polls = [&text](std::string_view outcome, std::uint64_t count) {
    text.append("cotter_update_polls_total{outcome=\"").append(outcome).append("\"} ");
    text.append(std::to_string(count)).append("\n");
  };
  add_polls(NameOf(PollOutcome::kUpdated), status.updated);
  add_polls(NameOf(PollOutcome::kUnchanged), status.unchanged);
  add_polls(NameOf(PollOutcome::kRejected), status.rejections);
  AddHead(text, "cotter_update_early_polls_total", "counter",
          "Polls that a pin mismatch brought forward.");
  text.append("cotter_update_early_polls_total ").append(std::to_string(status.early)).append("\n");
  AddHead(text, "cotter_update_rejected_total", "counter",
          "Updates that were rejected, by step and code.");
  for (const auto& [what, count] : rejections) {
    text.append("cotter_update_rejected_total{step=\"").append(what.first);
    text.append("\",code=\"").append(NameOf(what.second)).append("\"} ");
    text.append(std::to_string(count)).append("\n");
  }
  AddGauge(text, "cotter_update_policy_version", "Version of the policy in force.",
           static_cast<std::int64_t>(status.version));
  if (status.last_success) {
    AddGauge(text, "cotter_update_last_success_timestamp_seconds",
             "When a poll last went well, in this process.", status.last_success->unix_seconds);
  }
  if (status.timestamp_expires) {
    AddGauge(text, "cotter_update_timestamp_expiry_timestamp_seconds",
             "When the repository's timestamp expires, as last seen.",
             status.timestamp_expires->unix_seconds);
  }
  return text;
}

}  // namespace cotter::update
