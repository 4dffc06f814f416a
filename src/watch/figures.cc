// SPDX-License-Identifier: Apache-2.0
#include "watch/figures.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "base/metrics_writer.h"

namespace cotter::watch {
namespace {

using base::MetricLabel;
using base::MetricsWriter;

constexpr double kMicro = 1e-6;

std::string TargetLabels(const Server& server) {
  std::string labels = MetricLabel("target", server.name);
  const std::pair<std::string_view, const std::string*> more[] = {
      {"group", &server.subject.group},
      {"region", &server.subject.region},
      {"vendor", &server.subject.vendor}};
  for (const auto& [name, value] : more) {
    if (!value->empty()) labels += "," + MetricLabel(name, *value);
  }
  return labels;
}

// A look from one vantage point, with the labels that name it.
struct Row {
  std::string labels;
  const ServerFacts* facts;
};

struct ServerRows {
  const Server* server;
  std::string labels;
  std::vector<Row> rows;
  Time at;
};

std::vector<ServerRows> RowsOf(const Fleet& fleet, const std::string& vantage) {
  std::vector<ServerRows> all;
  for (const auto& server : fleet.servers()) {
    if (server->role != Role::kServed) continue;
    ServerRows rows{server.get(), TargetLabels(*server), {}, {}};
    const auto add = [&](const std::string& name, const ServerFacts& facts) {
      rows.rows.push_back({rows.labels + "," + MetricLabel("vantage", name), &facts});
    };
    if (server->memory.facts) add(vantage, *server->memory.facts);
    for (const auto& [name, report] : server->remote) add(name, report.facts);
    all.push_back(std::move(rows));
  }
  return all;
}

using RowFigure = std::function<std::optional<double>(const ServerFacts&)>;

void EachRow(MetricsWriter& text, const std::vector<ServerRows>& all, std::string_view more,
             const RowFigure& figure) {
  for (const ServerRows& rows : all) {
    for (const Row& row : rows.rows) {
      if (const std::optional<double> value = figure(*row.facts)) {
        text.Sample(row.labels + std::string(more), *value);
      }
    }
  }
}

void EachServer(MetricsWriter& text, const std::vector<ServerRows>& all,
                const std::function<std::optional<double>(const Server&)>& figure) {
  for (const ServerRows& rows : all) {
    if (const std::optional<double> value = figure(*rows.server)) text.Sample(rows.labels, *value);
  }
}

// The sooner of the leaves' ends decides, and the beginning is that of the same leaf.
const SeenChainFacts* EndingFirst(const ServerFacts& facts) {
  const auto first = std::min_element(
      facts.chains.begin(), facts.chains.end(),
      [](const SeenChainFacts& a, const SeenChainFacts& b) { return a.not_after < b.not_after; });
  return first == facts.chains.end() ? nullptr : &*first;
}

std::optional<double> PhaseSeconds(const ServerFacts& facts, std::int64_t PhaseTimes::*phase) {
  if (facts.peers.empty()) return std::nullopt;
  std::int64_t longest = 0;
  for (const PeerFacts& peer : facts.peers) longest = std::max(longest, peer.times.*phase);
  return static_cast<double>(longest) * kMicro;
}

bool IsAllowed(const SeenChainFacts& chain) {
  return chain.outcome == Outcome::kPinnedOk || chain.outcome == Outcome::kNotPinned;
}

void AppendLooks(MetricsWriter& text, const std::vector<ServerRows>& all) {
  text.Family("cotter_probe_success", "gauge", "1 where every address presented a certificate.");
  EachRow(text, all, "", [](const ServerFacts& facts) { return facts.succeeded() ? 1.0 : 0.0; });
  text.Family("cotter_probe_duration_seconds", "gauge",
              "How long each phase of the last look took, at the slowest address.");
  const std::pair<std::string_view, std::int64_t PhaseTimes::*> phases[] = {
      {"resolve", &PhaseTimes::resolve},
      {"connect", &PhaseTimes::connect},
      {"handshake", &PhaseTimes::handshake}};
  for (const auto& phase : phases) {
    EachRow(text, all, "," + MetricLabel("phase", phase.first),
            [&](const ServerFacts& facts) { return PhaseSeconds(facts, phase.second); });
  }
  text.Family("cotter_probe_last_timestamp_seconds", "gauge", "When the last look was.");
  EachRow(text, all, "",
          [](const ServerFacts& facts) { return static_cast<double>(facts.at.unix_seconds); });
}

void AppendCertificates(MetricsWriter& text, const std::vector<ServerRows>& all) {
  const auto ending = [&](std::string_view position,
                          const std::function<Time(const SeenChainFacts&)>& time) {
    EachRow(text, all, "," + MetricLabel("position", position),
            [&](const ServerFacts& facts) -> std::optional<double> {
              const SeenChainFacts* const chain = EndingFirst(facts);
              if (chain == nullptr) return std::nullopt;
              return static_cast<double>(time(*chain).unix_seconds);
            });
  };
  text.Family("cotter_cert_not_after_timestamp_seconds", "gauge",
              "The end of the certificate that ends first, and of what was presented with it.");
  ending("leaf", [](const SeenChainFacts& chain) { return chain.not_after; });
  ending("earliest", [](const SeenChainFacts& chain) { return chain.earliest_end; });
  text.Family("cotter_cert_not_before_timestamp_seconds", "gauge", "The beginning of the same.");
  ending("leaf", [](const SeenChainFacts& chain) { return chain.not_before; });
}

void AppendPins(MetricsWriter& text, const std::vector<ServerRows>& all) {
  text.Family("cotter_chain_match", "gauge",
              "1 where every chain that was presented satisfies the policy.");
  EachRow(text, all, "", [](const ServerFacts& facts) -> std::optional<double> {
    if (facts.chains.empty()) return std::nullopt;
    return std::all_of(facts.chains.begin(), facts.chains.end(), IsAllowed) ? 1.0 : 0.0;
  });
  text.Family("cotter_chain_info", "gauge", "1 for each chain: its leaf key and its verdict.");
  for (const ServerRows& rows : all) {
    for (const Row& row : rows.rows) {
      std::set<std::string> told;  // chains of one key differ in what they have no label for
      for (const SeenChainFacts& chain : row.facts->chains) {
        std::string labels = row.labels + "," + MetricLabel("leaf", FormatPin(chain.leaf)) + "," +
                             MetricLabel("verdict", NameOf(chain.outcome)) + "," +
                             MetricLabel("issuer", chain.issuer);
        if (told.insert(labels).second) text.Sample(labels, 1);
      }
    }
  }
  text.Family("cotter_leaf_spki_changes_total", "counter", "Leaf keys that were not there before.");
  EachServer(text, all,
             [](const Server& server) { return static_cast<double>(server.memory.key_changes); });
  const auto pins = [&](std::size_t ServedPins::*count) {
    EachServer(text, all, [&](const Server& server) -> std::optional<double> {
      if (!server.rule.pins_anything() || !server.memory.facts ||
          server.memory.facts->chains.empty()) {
        return std::nullopt;
      }
      return static_cast<double>(CountPins(server.rule, *server.memory.facts).*count);
    });
  };
  text.Family("cotter_live_pins", "gauge", "Pins of the rule whose keys are served.");
  pins(&ServedPins::live);
  text.Family("cotter_backup_pins", "gauge", "Pins of the rule whose keys are not served.");
  pins(&ServedPins::spare);
  text.Family("cotter_backup_pin_proof_timestamp_seconds", "gauge",
              "When a standby endpoint last presented a backup key; 0: never.");
  EachServer(text, all, [](const Server& server) -> std::optional<double> {
    if (server.group->config.standby.empty() || server.rule.reserves.empty()) return std::nullopt;
    Time latest;
    for (const auto& [pin, at] : server.memory.backup_proofs) latest = std::max(latest, at);
    return static_cast<double>(latest.unix_seconds);
  });
  text.Family("cotter_pins_expiry_timestamp_seconds", "gauge", "When the pins of the rule expire.");
  EachServer(text, all, [](const Server& server) -> std::optional<double> {
    if (server.rule.rule == nullptr || !server.rule.expires) return std::nullopt;
    return static_cast<double>(server.rule.expires->unix_seconds);
  });
}

void AppendViews(MetricsWriter& text, const std::vector<ServerRows>& all, const Fleet& fleet,
                 const OwnFigures& own, const Moment& now) {
  text.Family("cotter_vantage_distinct_chains", "gauge",
              "Groups of vantage points that have no leaf key in common.");
  EachServer(text, all, [&](const Server& server) -> std::optional<double> {
    const ServerView view =
        fleet.ViewOf(server, {.own = own.vantage, .stale = {}, .awaited = 0}, 1, now.wall);
    return static_cast<double>(DistinctViews(view.reports));
  });
  text.Family("cotter_rotation_active", "gauge", "1 where the leaf key may change at the moment.");
  EachServer(text, all, [&](const Server& server) -> std::optional<double> {
    return fleet.RotationOf(server, now.wall) == Rotation::kOpen ? 1.0 : 0.0;
  });
}

void AppendAlerts(MetricsWriter& text, const AlertBook& book,
                  const std::vector<Dispatcher::SinkFacts>& sinks) {
  text.Family("cotter_alert_active", "gauge", "Alerts that were told and are not over.");
  for (const Alert* const alert : book.Firing()) {
    text.Sample(MetricLabel("alert", NameOf(alert->condition.code)) + "," +
                    MetricLabel("target", alert->subject.name) + "," +
                    MetricLabel("severity", NameOf(alert->condition.severity)),
                1);
  }
  const auto each = [&](const std::function<std::uint64_t(const Dispatcher::SinkFacts&)>& figure) {
    for (const Dispatcher::SinkFacts& sink : sinks) {
      text.Sample(MetricLabel("sink", sink.name), figure(sink));
    }
  };
  text.Family("cotter_notifications_waiting", "gauge", "Notifications that a sink has not taken.");
  each([](const Dispatcher::SinkFacts& sink) { return sink.waiting; });
  text.Family("cotter_notifications_sent_total", "counter", "Notifications that a sink has taken.");
  each([](const Dispatcher::SinkFacts& sink) { return sink.sent; });
  text.Family("cotter_notifications_failed_total", "counter", "Tries that failed.");
  each([](const Dispatcher::SinkFacts& sink) { return sink.failed; });
  text.Family("cotter_notifications_dropped_total", "counter",
              "Notifications dropped because too many waited.");
  each([](const Dispatcher::SinkFacts& sink) { return sink.dropped; });
}

void AppendVantages(MetricsWriter& text, const Collector& collector) {
  text.Family("cotter_vantage_last_report_timestamp_seconds", "gauge",
              "When a vantage point last reported; 0: never.");
  for (const auto& [name, agent] : collector.agents()) {
    text.Sample(MetricLabel("vantage", name), agent.heard_at.unix_seconds);
  }
  text.Family("cotter_vantage_reports_total", "counter", "Reports that were taken.");
  for (const auto& [name, agent] : collector.agents()) {
    text.Sample(MetricLabel("vantage", name), agent.reports);
  }
  text.Family("cotter_vantage_refused_total", "counter", "Envelopes that were refused.");
  for (const auto& [name, agent] : collector.agents()) {
    for (const auto& [why, count] : agent.refused) {
      text.Sample(MetricLabel("vantage", name) + "," + MetricLabel("reason", why), count);
    }
  }
}

void AppendEngine(MetricsWriter& text, const probe::Tally& tally, const OwnFigures& own) {
  text.Family("cotter_looks_total", "counter", "Looks at an address that ended, well or not.");
  text.Sample("", tally.looks);
  text.Family("cotter_looks_failed_total", "counter", "Looks that failed, by phase and reason.");
  for (const auto& [reason, count] : tally.failed) {
    text.Sample(MetricLabel("phase", NameOf(reason.first)) + "," +
                    MetricLabel("code", NameOf(reason.second)),
                count);
  }
  text.Family("cotter_connections_open", "gauge", "Connections of looks that are open.");
  text.Sample("", own.open);
  text.Family("cotter_questions_pending", "gauge", "Servers that are being looked at.");
  text.Sample("", own.pending);
}

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * kMicro;
}

void AppendProcess(MetricsWriter& text, const OwnFigures& own) {
  text.Family("cotter_policy_version", "gauge", "The version of the policy in force.");
  text.Sample("", own.policy_version);
  text.Family("cotter_config_last_reload_successful", "gauge",
              "1 where configuration and policy were read at the last try, 0 where older ones are "
              "in force.");
  text.Sample("", own.last_reload_successful ? 1 : 0);
  text.Family("cotter_config_last_reload_success_timestamp_seconds", "gauge",
              "When those in force were read.");
  text.Sample("", own.last_reload_success_seconds);
  text.Family("cotter_store_writable", "gauge", "1 where the state on disk is up to date.");
  text.Sample("", own.store_writable ? 1 : 0);
  if (own.store_free_bytes) {
    text.Family("cotter_store_free_bytes", "gauge", "Room on the disk of the state.");
    text.Sample("", *own.store_free_bytes);
  }
  text.Family("cotter_clock_jumps_total", "counter", "Jumps of the wall clock that were noticed.");
  text.Sample("", own.clock_jumps);
  text.Family("cotter_clock_in_doubt", "gauge", "1 while rules of the clock stand still.");
  text.Sample("", own.clock_in_doubt ? 1 : 0);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  text.Family("process_cpu_seconds_total", "counter", "Processor time, user and system.");
  text.Sample("", SecondsOf(usage.ru_utime) + SecondsOf(usage.ru_stime));
  text.Family("process_start_time_seconds", "gauge", "When the process began.");
  text.Sample("", own.start_seconds);
}

}  // namespace

std::string MetricsText(const Fleet& fleet, const OwnFigures& own, const probe::Tally& tally,
                        const AlertBook& book, const std::vector<Dispatcher::SinkFacts>& sinks,
                        const Collector& collector, const report::Counters& failures,
                        const Moment& now) {
  MetricsWriter text;
  const std::vector<ServerRows> all = RowsOf(fleet, own.vantage);
  AppendLooks(text, all);
  AppendCertificates(text, all);
  AppendPins(text, all);
  AppendViews(text, all, fleet, own, now);
  text.Append(failures.Text());
  AppendAlerts(text, book, sinks);
  AppendVantages(text, collector);
  AppendEngine(text, tally, own);
  AppendProcess(text, own);
  return text.Take();
}

}  // namespace cotter::watch
