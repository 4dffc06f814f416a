// SPDX-License-Identifier: Apache-2.0
//
// fleet [CLIENTS [SAMPLE [SEED]]]: a hundred million clients over thirty days, with everything that
// clients and operators have, and with one of it less at a time. Prints a table.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include <system_error>

#include "bench/fleet/fleet.h"

namespace {

using cotter::fleet::Features;
using cotter::fleet::Figures;

template <typename Number>
bool Read(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && at == end;
}

void PrintRow(const char* name, const Figures& of) {
  std::printf("%-24s|%6.0f±%-3.0f%8.0f%7.2f%8.3f%% |%6.2f±%-4.2f%8.2f±%-5.2f%6.2f%% |", name,
              of.edge_mean.value, of.edge_mean.error, of.edge_peak, of.origin_mean,
              100 * of.hit_ratio, of.hours_to_95.value, of.hours_to_95.error, of.hours_to_99.value,
              of.hours_to_99.error, 100 * of.never);
  std::printf("%7.1f±%-4.1f%7.1f±%-4.1f%6.2f±%-4.2f%6.2f%%%8.0f\n", of.failed_connections.value,
              of.failed_connections.error, of.lost_hours.value, of.lost_hours.error,
              of.hours_locked_out_95.value, of.hours_locked_out_95.error, 100 * of.stuck,
              of.mistake_edge_peak);
}

}  // namespace

int main(int argc, char** argv) {
  cotter::fleet::FleetOptions options;
  std::int64_t clients = 100'000'000;
  const bool read = (argc < 2 || Read(argv[1], clients)) &&
                    (argc < 3 || Read(argv[2], options.sample)) &&
                    (argc < 4 || Read(argv[3], options.seed));
  if (!read || clients < 1 || options.sample < 100) {
    std::fputs("fleet [CLIENTS [SAMPLE [SEED]]]: at least one client, and 100 in the sample\n",
               stderr);
    return 2;
  }
  options.clients = static_cast<double>(clients);
  std::printf("%.0f clients, %d of them simulated, seed %llu; ± is one standard error\n\n",
              options.clients, options.sample, static_cast<unsigned long long>(options.seed));
  std::printf("%-24s|%-34s |%-32s |%s\n", "", " load of the month, requests a second",
              " the planned policy", " the key that was changed too early");
  std::printf("%-24s|%10s%8s%7s%9s |%11s%14s%7s |%12s%12s%11s%7s%8s\n", "", "edge", "peak",
              "origin", "hits", "h to 95 %", "h to 99 %", "never", "failed, M", "lost, M h",
              "95 % in h", "stuck", "peak");
  const struct {
    const char* name;
    Features features;
    bool troubled;
  } rows[] = {
      {"all features", {}, true},
      {"  no jitter", {.jitter = false}, true},
      {"  not sooner near expiry", {.sooner = false}, true},
      {"  no early poll", {.early_poll = false}, true},
      {"  no emergency role", {.emergency = false}, true},
      {"  neither of the two", {.early_poll = false, .emergency = false}, true},
      {"none of them", {false, false, false, false}, true},
      {"all, nothing goes wrong", {}, false},
  };
  for (const auto& row : rows) {
    options.features = row.features;
    options.world.troubled = row.troubled;
    PrintRow(row.name, Simulate(options));
  }
  return 0;
}
