// SPDX-License-Identifier: Apache-2.0
#include "bench/fleet/fleet.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "update/poll_schedule.h"

namespace cotter::fleet {
namespace {

using update::Brought;
using update::PollSchedule;

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr Time kEpoch{1'800'000'000};  // when the simulation begins
constexpr int kBatches = 20;           // standard errors are those of batches of the sample
constexpr double kRequestsAPoll = 2;   // root N + 1, and the timestamp

// What goes wrong in a troubled world.
constexpr std::int64_t kRestartAt = 2 * kDay + 32'400;  // a release restarts many at once
constexpr std::int64_t kRestartSeconds = 600;
constexpr double kRestarting = 0.3;
constexpr std::int64_t kOriginOutAt = 10 * kDay;  // caches serve what they have
constexpr std::int64_t kOriginOutSeconds = 6 * 3600;
constexpr std::int64_t kEdgeOutAt = 14 * kDay + 28'800;  // a tenth of the places is down
constexpr std::int64_t kEdgeOutSeconds = 4 * 3600;
constexpr double kEdgeOut = 0.1;
constexpr std::int64_t kTimerOutAt = 25 * kDay;  // nobody signs the timestamp
constexpr std::int64_t kTimerOutSeconds = 20 * 3600;

// Chance is splitmix64: a stream for each client, whatever the others do.
class Chance {
 public:
  Chance(std::uint64_t seed, std::uint64_t client)
      : state_(seed * 0x9e3779b97f4a7c15U ^ (client + 1) * 0xbf58476d1ce4e5b9U) {
    Next();
  }
  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint32_t Word() { return static_cast<std::uint32_t>(Next() >> 32); }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  std::int64_t Below(std::int64_t bound) {
    return static_cast<std::int64_t>(Unit() * static_cast<double>(bound));
  }
  std::int64_t Exponential(std::int64_t mean) {
    return 1 + static_cast<std::int64_t>(-std::log1p(-Unit()) * static_cast<double>(mean));
  }

 private:
  std::uint64_t state_;
};

// Outcome is what one client did.
struct Outcome {
  std::int64_t polls = 0;
  std::int64_t adopted = kNever;  // when it took the planned policy
  std::int64_t failed = 0;        // connections
  std::int64_t first_failure = kNever;
  std::int64_t works_again = kNever;
};

class Client {
 public:
  Client(const FleetOptions& options, std::uint64_t number, std::vector<double>& minutes)
      : options_(options),
        world_(options.world),
        minutes_(&minutes),
        chance_(options.seed, number) {
    phase_ = chance_.Below(world_.cache_seconds);
    next_poll_ = chance_.Below(update::kPollSeconds);
    next_connect_ = chance_.Exponential(world_.connect_seconds);
    if (world_.troubled) Trouble();
  }

  Outcome Run() {
    const std::int64_t end = world_.days * kDay;
    while (true) {
      const bool poll = next_poll_ <= next_connect_;
      const std::int64_t now = poll ? next_poll_ : next_connect_;
      if (now >= end) return outcome_;
      const std::int64_t awake = NextAwake(now);
      if (awake != now) {
        (poll ? next_poll_ : next_connect_) = awake;
      } else if (poll) {
        Poll(now);
      } else {
        Connect(now);
      }
    }
  }

 private:
  void Trouble() {
    const double clock = chance_.Unit();
    if (clock < 0.95) {
      skew_ = chance_.Below(120) - 60;
    } else if (clock < 0.99) {
      skew_ = chance_.Below(2 * kDay) - kDay;
    } else {
      skew_ = chance_.Below(20 * 365 * kDay) - 10 * 365 * kDay;
    }
    const double presence = chance_.Unit();
    if (presence < 0.20) {  // eight hours a day, each its own
      sleeps_ = true;
      wakes_ = chance_.Below(kDay);
    } else if (presence < 0.22) {  // found in a drawer, some day of the month
      awake_from_ = chance_.Below(world_.days * kDay);
    }
    edge_out_ = chance_.Unit() < kEdgeOut;
    if (chance_.Unit() < kRestarting) restart_ = kRestartAt + chance_.Below(kRestartSeconds);
  }

  [[nodiscard]] std::int64_t NextAwake(std::int64_t now) const {
    if (now < awake_from_) return awake_from_;
    if (!sleeps_) return now;
    const std::int64_t in_day = ((now - wakes_) % kDay + kDay) % kDay;
    return in_day < kDay / 3 ? now : now + kDay - in_day;
  }

  std::uint32_t Random(std::int64_t middle) {
    // The schedule takes the rest of this by a pause's length and adds half of the pause.
    return options_.features.jitter ? chance_.Word() : static_cast<std::uint32_t>(middle / 2);
  }

  // SeenAt is of when the copy is that a cache hands out.
  [[nodiscard]] std::int64_t SeenAt(std::int64_t now) const {
    const std::int64_t cycle = world_.cache_seconds;
    const std::int64_t fetched = now - ((now - phase_) % cycle + cycle) % cycle;
    const bool out =
        world_.troubled && fetched >= kOriginOutAt && fetched < kOriginOutAt + kOriginOutSeconds;
    return out ? kOriginOutAt : fetched;
  }

  [[nodiscard]] std::int64_t RepairedAt() const {
    return world_.mistake_at +
           (options_.features.emergency ? world_.approvers_seconds : world_.signers_seconds);
  }

  // ExpiryAt is the end of the timestamp that was the newest at `when`.
  [[nodiscard]] std::int64_t ExpiryAt(std::int64_t when) const {
    if (world_.troubled && when >= kTimerOutAt && when < kTimerOutAt + kTimerOutSeconds) {
      when = kTimerOutAt;
    }
    return when - when % world_.refresh_seconds + world_.timestamp_life;
  }

  void Poll(std::int64_t now) {
    (*minutes_)[static_cast<std::size_t>(now / 60)] += 1;
    ++outcome_.polls;
    const std::int64_t seen = SeenAt(now);
    const std::int64_t expires = ExpiryAt(seen);
    const bool down =
        world_.troubled && edge_out_ && now >= kEdgeOutAt && now < kEdgeOutAt + kEdgeOutSeconds;
    if (down || now + skew_ >= expires) {
      // Without jitter, the middle: half of the pause behind its half.
      const std::int64_t middle = update::kFirstRetrySeconds << std::min(schedule_.failures(), 8U);
      next_poll_ = now + schedule_.AfterFailure(Random(std::min(middle, update::kPollSeconds)));
      return;
    }
    const int offered = seen >= RepairedAt() ? 3 : seen >= world_.policy_at ? 2 : 1;
    const Brought brought = offered > version_ ? Brought::kNewPolicy : Brought::kNothing;
    if (version_ < 2 && offered >= 2) outcome_.adopted = now;
    version_ = offered > version_ ? offered : version_;
    const Time end = At(options_.features.sooner ? expires : now + 1000 * kDay);
    next_poll_ =
        now + schedule_.AfterSuccess(At(now + skew_), end, brought, Random(update::kPollSeconds));
    if (restart_ > now) next_poll_ = std::min(next_poll_, restart_);  // a start polls
  }

  void Connect(std::int64_t now) {
    next_connect_ = now + chance_.Exponential(world_.connect_seconds);
    if (now < world_.mistake_at) return;
    if (version_ >= 3) {
      if (outcome_.failed > 0 && outcome_.works_again == kNever) outcome_.works_again = now;
      return;
    }
    if (outcome_.failed++ == 0) outcome_.first_failure = now;
    next_connect_ = now + world_.retry_seconds;
    if (!options_.features.early_poll) return;
    if (const auto wait = schedule_.AfterMismatch(now, Random(update::kEarlyPollJitterSeconds))) {
      next_poll_ = std::min(next_poll_, now + *wait);
    }
  }

  static Time At(std::int64_t seconds) { return Time{kEpoch.unix_seconds + seconds}; }

  const FleetOptions& options_;
  const World& world_;
  std::vector<double>* minutes_;
  Chance chance_;
  PollSchedule schedule_;
  int version_ = 1;
  std::int64_t phase_ = 0;  // of the caches where it is
  std::int64_t next_poll_ = 0;
  std::int64_t next_connect_ = 0;
  std::int64_t skew_ = 0;
  std::int64_t wakes_ = 0;
  std::int64_t awake_from_ = 0;
  std::int64_t restart_ = -1;
  bool sleeps_ = false;
  bool edge_out_ = false;
  Outcome outcome_;
};

// EstimateOf is `sum` over the fleet, from what each batch of the sample came to.
Estimate EstimateOf(const std::vector<double>& batches, double scale) {
  double sum = 0;
  for (const double batch : batches) sum += batch;
  const double mean = sum / kBatches;
  double squares = 0;
  for (const double batch : batches) squares += (batch - mean) * (batch - mean);
  return {sum * scale, std::sqrt(squares / (kBatches - 1) * kBatches) * scale};
}

// HoursTo is when `share` of `count` clients had something; `times` are when those had it that ever
// had. The error is that of the share in a sample of this size, as time.
Estimate HoursTo(std::vector<std::int64_t>& times, std::size_t count, double share) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) -> double {
    const auto index = static_cast<std::size_t>(std::ceil(part * static_cast<double>(count)));
    if (index == 0 || index > times.size()) return -1;
    return static_cast<double>(times[index - 1]) / 3600;
  };
  const double spread =
      std::sqrt(share * (1 - share) / static_cast<double>(std::max<std::size_t>(count, 1)));
  const double below = at(share - spread);
  const double above = at(share + spread);
  return {at(share), above < 0 ? -1 : (above - below) / 2};
}

// OriginRate is what comes through the caches of `pops` places, for two objects: each place asks
// once in the life of its copy, and then when the next client comes.
double OriginRate(const World& world, double edge_rate) {
  if (edge_rate <= 0) return 0;
  const double between = world.pops * kRequestsAPoll / edge_rate;  // requests for one object there
  return world.pops * kRequestsAPoll / (static_cast<double>(world.cache_seconds) + between);
}

}  // namespace

Figures Simulate(const FleetOptions& options) {
  const World& world = options.world;
  const double weight = options.clients / options.sample;
  const double seconds = static_cast<double>(world.days * kDay);
  std::vector<double> minutes(static_cast<std::size_t>(world.days * kDay / 60));
  std::vector<double> polls(kBatches), failed(kBatches), lost(kBatches);
  std::vector<std::int64_t> adopted, repaired;
  std::size_t stuck = 0;
  for (int i = 0; i < options.sample; ++i) {
    const Outcome outcome = Client(options, static_cast<std::uint64_t>(i), minutes).Run();
    const auto batch = static_cast<std::size_t>(i % kBatches);
    polls[batch] += static_cast<double>(outcome.polls);
    if (outcome.adopted != kNever) adopted.push_back(outcome.adopted - world.policy_at);
    if (outcome.failed == 0) continue;
    if (outcome.works_again == kNever) {
      ++stuck;
      continue;
    }
    const std::int64_t locked_out = outcome.works_again - outcome.first_failure;
    failed[batch] += static_cast<double>(outcome.failed);
    lost[batch] += static_cast<double>(locked_out) / 3600;
    repaired.push_back(locked_out);
  }

  Figures figures;
  figures.edge_mean = EstimateOf(polls, kRequestsAPoll * weight / seconds);
  double origin = 0;
  for (std::size_t minute = 0; minute < minutes.size(); ++minute) {
    const double rate = minutes[minute] * weight * kRequestsAPoll / 60;
    const double behind = OriginRate(world, rate);
    figures.edge_peak = std::max(figures.edge_peak, rate);
    figures.origin_peak = std::max(figures.origin_peak, behind);
    origin += behind;
    const std::int64_t at = static_cast<std::int64_t>(minute) * 60;
    if (at >= world.mistake_at && at < world.mistake_at + kDay) {
      figures.mistake_edge_peak = std::max(figures.mistake_edge_peak, rate);
    }
  }
  figures.origin_mean = origin / static_cast<double>(minutes.size());
  figures.hit_ratio = 1 - figures.origin_mean / figures.edge_mean.value;
  const auto sample = static_cast<std::size_t>(options.sample);
  figures.hours_to_95 = HoursTo(adopted, sample, 0.95);
  figures.hours_to_99 = HoursTo(adopted, sample, 0.99);
  figures.never = 1 - static_cast<double>(adopted.size()) / options.sample;
  figures.failed_connections = EstimateOf(failed, weight / 1e6);
  figures.lost_hours = EstimateOf(lost, weight / 1e6);
  figures.hours_locked_out_95 = HoursTo(repaired, repaired.size(), 0.95);
  figures.stuck = static_cast<double>(stuck) / options.sample;
  return figures;
}

}  // namespace cotter::fleet
