// SPDX-License-Identifier: Apache-2.0
#include "gateway/metrics.h"

#include <functional>
#include <string_view>

#include "base/metrics_writer.h"

namespace cotter::gateway {
namespace {

using base::MetricLabel;
using base::MetricsWriter;
using Routes = std::vector<std::unique_ptr<Route>>;

void EachRoute(MetricsWriter& text, const Routes& routes,
               const std::function<std::uint64_t(const Route&)>& figure) {
  for (const auto& route : routes) {
    text.Sample(MetricLabel("route", route->config.name), figure(*route));
  }
}

void AppendClients(MetricsWriter& text, const Routes& routes) {
  text.Family("cotter_gateway_clients_total", "counter", "Connections of clients accepted.");
  EachRoute(text, routes, [](const Route& route) { return route.counters.clients; });
  text.Family("cotter_gateway_clients", "gauge", "Connections of clients that are open.");
  EachRoute(text, routes, [](const Route& route) { return route.counters.open_clients; });
  text.Family("cotter_gateway_clients_refused_total", "counter",
              "Connections of clients closed at once: over the limit, or no descriptor left.");
  EachRoute(text, routes, [](const Route& route) {
    return route.counters.refused_clients + route.acceptor->shed();
  });
  text.Family("cotter_gateway_requests_total", "counter", "HTTP requests answered, by status.");
  for (const auto& route : routes) {
    for (const auto& [status, count] : route->counters.requests) {
      text.Sample(MetricLabel("route", route->config.name) + "," +
                      MetricLabel("code", std::to_string(status)),
                  count);
    }
  }
}

void AppendUpstreams(MetricsWriter& text, const Routes& routes) {
  text.Family("cotter_gateway_upstream_connections", "gauge", "Connections to the server.");
  for (const auto& route : routes) {
    if (route->upstream == nullptr) continue;
    const std::string label = MetricLabel("route", route->config.name) + ",";
    const std::size_t idle = route->upstream->idle();
    text.Sample(label + MetricLabel("state", "idle"), idle);
    text.Sample(label + MetricLabel("state", "busy"), route->upstream->total() - idle);
  }
  text.Family("cotter_gateway_upstream_handshakes_total", "counter",
              "TLS handshakes whose verdict allowed the connection.");
  EachRoute(text, routes, [](const Route& route) { return route.counters.handshakes; });
  text.Family("cotter_gateway_upstream_resumed_total", "counter",
              "Of those handshakes, the ones that resumed a session.");
  EachRoute(text, routes, [](const Route& route) { return route.counters.resumed; });
  text.Family("cotter_gateway_upstream_reuses_total", "counter",
              "Requests sent on a connection that was open.");
  EachRoute(text, routes, [](const Route& route) { return route.counters.reuses; });
  text.Family("cotter_gateway_upstream_retries_total", "counter",
              "Requests sent again because the server had closed an idle connection.");
  EachRoute(text, routes, [](const Route& route) { return route.counters.retries; });
  text.Family("cotter_gateway_upstream_errors_total", "counter",
              "Connections and responses that failed, by code.");
  for (const auto& route : routes) {
    for (const auto& [code, count] : route->counters.upstream_errors) {
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
  text.Family("cotter_config_last_reload_successful", "gauge",
              "1 where the policy was read at the last try, 0 where an older one is in force.");
  text.Sample("", figures.last_reload_successful ? 1 : 0);
  text.Family("cotter_config_last_reload_success_timestamp_seconds", "gauge",
              "When the policy in force was read.");
  text.Sample("", figures.last_reload_success_seconds);
  text.Family("process_start_time_seconds", "gauge", "When the process began.");
  text.Sample("", figures.start_seconds);
  return text.Take();
}

}  // namespace cotter::gateway
