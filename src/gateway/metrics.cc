// SPDX-License-Identifier: Apache-2.0
#include "gateway/metrics.h"

#include <functional>
#include <string_view>

#include "base/metrics_writer.h"

namespace cotter::gateway {
namespace {

using base::MetricLabel;
using base::MetricsWriter;
using Routes = std::vector<const Route*>;

void EachRoute(MetricsWriter& text, const Routes& routes,
               const std::function<std::uint64_t(const Route&)>& figure) {
  for (const Route* const route : routes) {
    text.Sample(MetricLabel("route", route->config.name), figure(*route));
  }
}

void AppendClients(MetricsWriter& text, const Routes& routes) {
  text.Family("cotter_gateway_clients_total", "counter", "Connections of clients accepted.");
  EachRoute(text, routes, [](const Route& route) { return route.counters->clients; });
  text.Family("cotter_gateway_clients", "gauge", "Connections of clients that are open.");
  EachRoute(text, routes, [](const Route& route) { return route.counters->open_clients; });
  text.Family("cotter_gateway_clients_refused_total", "counter",
              "Connections of clients closed at once: over the limit, or no descriptor left.");
  EachRoute(text, routes, [](const Route& route) {
    const std::uint64_t shed = route.acceptor != nullptr ? route.acceptor->shed() : 0;
    return route.counters->refused_clients + shed;
  });
  text.Family("cotter_gateway_requests_total", "counter", "HTTP requests answered, by status.");
  for (const Route* const route : routes) {
    for (const auto& [status, count] : route->counters->requests) {
      text.Sample(MetricLabel("route", route->config.name) + "," +
                      MetricLabel("code", std::to_string(status)),
                  count);
    }
  }
}

void AppendUpstreams(MetricsWriter& text, const Routes& routes) {
  text.Family("cotter_gateway_upstream_connections", "gauge", "Connections to the server.");
  for (const Route* const route : routes) {
    if (route->upstream == nullptr) continue;
    const std::string label = MetricLabel("route", route->config.name) + ",";
    const std::size_t idle = route->upstream->idle();
    text.Sample(label + MetricLabel("state", "idle"), idle);
    text.Sample(label + MetricLabel("state", "busy"), route->upstream->total() - idle);
  }
  text.Family("cotter_gateway_upstream_handshakes_total", "counter",
              "TLS handshakes whose verdict allowed the connection.");
  EachRoute(text, routes, [](const Route& route) { return route.counters->handshakes; });
  text.Family("cotter_gateway_upstream_resumed_total", "counter",
              "Of those handshakes, the ones that resumed a session.");
  EachRoute(text, routes, [](const Route& route) { return route.counters->resumed; });
  text.Family("cotter_gateway_upstream_reuses_total", "counter",
              "Requests sent on a connection that was open.");
  EachRoute(text, routes, [](const Route& route) { return route.counters->reuses; });
  text.Family("cotter_gateway_upstream_retries_total", "counter",
              "Requests sent again because the server had closed an idle connection.");
  EachRoute(text, routes, [](const Route& route) { return route.counters->retries; });
  text.Family("cotter_gateway_upstream_errors_total", "counter",
              "Connections and responses that failed, by code.");
  for (const Route* const route : routes) {
    for (const auto& [code, count] : route->counters->upstream_errors) {
      text.Sample(MetricLabel("route", route->config.name) + "," + MetricLabel("code", code),
                  count);
    }
  }
}

}  // namespace

std::string MetricsText(const Routes& routes, const GatewayFigures& figures,
                        const report::Counters& violations) {
  MetricsWriter text;
  AppendClients(text, routes);
  AppendUpstreams(text, routes);
  text.Append(violations.Text());
  text.Family("cotter_policy_version", "gauge", "The version of the policy in force.");
  text.Sample("", figures.policy_version);
  text.Family("cotter_policy_emergency_end_timestamp_seconds", "gauge",
              "When the next emergency statement in the policy ends; 0 where there is none.");
  text.Sample("", figures.emergency_end ? figures.emergency_end->unix_seconds : 0);
  text.Family("cotter_gateway_retired_clients", "gauge",
              "Connections of clients of routes that are out of force, and still served.");
  text.Sample("", figures.retired_clients);
  text.Family("cotter_config_info", "gauge", "The configuration in force: its file's SHA-256.");
  text.Sample(MetricLabel("sha256", EncodeHex(figures.config.bytes)), 1);
  text.Family("cotter_config_last_reload_successful", "gauge",
              "1 where configuration and policy were read at the last try, 0 where older ones are "
              "in force.");
  text.Sample("", figures.config_read && figures.policy_read ? 1 : 0);
  text.Family("cotter_config_last_reload_success_timestamp_seconds", "gauge",
              "When the configuration or the policy in force was read, whichever was later.");
  text.Sample("", figures.last_reload_success_seconds);
  text.Family("process_start_time_seconds", "gauge", "When the process began.");
  text.Sample("", figures.start_seconds);
  return text.Take();
}

}  // namespace cotter::gateway
