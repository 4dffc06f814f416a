// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/metrics_writer.h"
#include "watch/figures.h"

namespace cotter::watch {
namespace {

using base::MetricLabel;
using base::MetricsWriter;

constexpr double kMicro = 1e-6;

// VersionText is blackbox_exporter's spelling of "TLSv1.3".
std::string VersionText(const std::string& version) {
  if (version.starts_with("TLSv")) {
    const std::string number = version.substr(4);
    return "TLS " + (number == "1" ? "1.0" : number);
  }
  return version;
}

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

// Decoded undoes percent-encoding; what is not one stays as it is.
std::string Decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) && HexDigit(text[i + 2])) {
      decoded += static_cast<char>(*HexDigit(text[i + 1]) * 16 + *HexDigit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

}  // namespace

std::string TargetOf(std::string_view query) {
  constexpr std::string_view kKey = "target=";
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (!pair.starts_with(kKey)) continue;
    std::string target = Decoded(pair.substr(kKey.size()));
    constexpr std::string_view kHttps = "https://";
    if (target.starts_with(kHttps)) target.erase(0, kHttps.size());
    return target.substr(0, target.find_first_of("/?#"));
  }
  return {};
}

std::string ProbeText(const ServerFacts& facts, double seconds) {
  MetricsWriter text;
  text.Family("probe_success", "gauge", "Displays whether or not the probe was a success");
  text.Sample("", facts.succeeded() ? 1 : 0);
  text.Family("probe_duration_seconds", "gauge",
              "Returns how long the probe took to complete in seconds");
  text.Sample("", seconds);
  const std::int64_t resolve = facts.peers.empty() ? 0 : facts.peers.front().times.resolve;
  text.Family("probe_dns_lookup_time_seconds", "gauge",
              "Returns the time taken for probe dns lookup in seconds");
  text.Sample("", static_cast<double>(resolve) * kMicro);
  if (facts.peers.empty()) return text.Take();
  text.Family("probe_ip_protocol", "gauge", "Specifies whether probe ip protocol is IP4 or IP6");
  text.Sample("", facts.peers.front().peer.starts_with('[') ? 6 : 4);
  if (facts.chains.empty()) return text.Take();
  Time earliest = facts.chains.front().earliest_end;
  Time last{};
  for (const SeenChainFacts& chain : facts.chains) {
    earliest = std::min(earliest, chain.earliest_end);
    last = std::max(last, chain.path_end);
  }
  text.Family("probe_http_ssl", "gauge", "Indicates if SSL was used for the final redirect");
  text.Sample("", 1);
  text.Family("probe_http_duration_seconds", "gauge",
              "Duration of http request by phase, summed over all redirects");
  const PhaseTimes& times = facts.peers.front().times;
  text.Sample(MetricLabel("phase", "resolve"), static_cast<double>(times.resolve) * kMicro);
  text.Sample(MetricLabel("phase", "connect"), static_cast<double>(times.connect) * kMicro);
  text.Sample(MetricLabel("phase", "tls"), static_cast<double>(times.handshake) * kMicro);
  text.Family("probe_ssl_earliest_cert_expiry", "gauge",
              "Returns last SSL chain expiry in unixtime");
  text.Sample("", earliest.unix_seconds);
  if (last.unix_seconds != 0) {
    text.Family("probe_ssl_last_chain_expiry_timestamp_seconds", "gauge",
                "Returns last SSL chain expiry in timestamp");
    text.Sample("", last.unix_seconds);
  }
  text.Family("probe_ssl_last_chain_info", "gauge", "Contains SSL leaf certificate information");
  text.Sample(MetricLabel("fingerprint_sha256", facts.chains.front().serial), 1);
  text.Family("probe_tls_version_info", "gauge",
              "Returns the TLS version used or NaN when unknown");
  text.Sample(MetricLabel("version", VersionText(facts.peers.front().version)), 1);
  const bool allowed =
      std::all_of(facts.chains.begin(), facts.chains.end(), [](const SeenChainFacts& chain) {
        return chain.outcome == Outcome::kPinnedOk || chain.outcome == Outcome::kNotPinned;
      });
  text.Family("cotter_chain_match", "gauge",
              "1 where every chain that was presented satisfies the policy.");
  text.Sample("", allowed ? 1 : 0);
  return text.Take();
}

}  // namespace cotter::watch
