// SPDX-License-Identifier: Apache-2.0
//
// A fleet of clients over a month, by the schedule that clients really have (PollSchedule): what it
// asks of a CDN and of the repository behind it, how fast it takes a new policy, and what it costs
// when a server's key is changed too early. A weighted sample of clients is simulated, each on its
// own, because they meet in nothing but the caches, whose state is a function of time. The same
// seed gives the same figures. For one thread.
#pragma once

#include <cstdint>
#include <vector>

namespace cotter::fleet {

// Features are what of the client's and operators' means is used. Each is switched off by what goes
// into the schedule, never by another schedule.
struct Features {
  bool jitter = true;      // off: chance always says the middle
  bool sooner = true;      // off: no timestamp seems to end
  bool early_poll = true;  // off: doors tell the schedule of no mismatch
  bool emergency = true;   // off: a repair waits for the signers of policies
};

// World is what happens. Times are seconds since the simulation began.
struct World {
  std::int64_t days = 30;
  std::int64_t cache_seconds = 300;       // max-age of the timestamp and of the missing root
  int pops = 300;                         // places where the CDN keeps copies of its own
  std::int64_t refresh_seconds = 3600;    // how often the timestamp is signed
  std::int64_t timestamp_life = 86'400;   // and how long it is good
  std::int64_t connect_seconds = 21'429;  // between connections of one client: 0.28 % a minute
  std::int64_t retry_seconds = 600;       // until a client whose connection failed tries again

  // Whether clocks are wrong, clients sleep, restart together, and things fail. Without, figures
  // have closed forms.
  bool troubled = true;

  std::int64_t policy_at = 5 * 86'400 + 36'000;    // a new policy, as planned
  std::int64_t mistake_at = 20 * 86'400 + 32'400;  // the key of a server changes too early
  std::int64_t approvers_seconds = 1800;           // until two approvers have signed a repair
  std::int64_t signers_seconds = 4 * 3600;         // until two of three signers have
};

struct FleetOptions {
  double clients = 100e6;
  int sample = 100'000;
  std::uint64_t seed = 1;
  Features features{};
  World world{};
};

// Estimate is a figure and its standard error, from the sample.
struct Estimate {
  double value = 0;
  double error = 0;
};

struct Figures {
  Estimate edge_mean;      // requests a second at the CDN: two a poll
  double edge_peak = 0;    // in the busiest minute
  double origin_mean = 0;  // requests a second behind the CDN
  double origin_peak = 0;
  double hit_ratio = 0;

  // From the planned policy on: seconds until so much of the fleet has it, each as an interval of
  // two standard errors around it; -1 where it never has within the month.
  Estimate hours_to_95, hours_to_99;
  double never = 0;  // share that has it not, at the end of the month

  // The mistake, for the clients that it locked out and that work again within the month.
  Estimate failed_connections;  // millions
  Estimate lost_hours;          // millions of client hours from a client's first failure to success
  Estimate hours_locked_out_95;  // until 95 % of them work again, from the first failure of each
  double stuck = 0;              // share of the fleet that does not: clocks that run far ahead
  double mistake_edge_peak = 0;  // requests a second in the busiest minute of that day
};

[[nodiscard]] Figures Simulate(const FleetOptions& options);

}  // namespace cotter::fleet
