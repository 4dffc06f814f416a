// SPDX-License-Identifier: Apache-2.0
#include "probe/engine/gate.h"

#include <utility>

namespace cotter::probe {
namespace {

using std::chrono::steady_clock;

// Idle addresses are forgotten when there are this many: each takes some 300 bytes.
constexpr std::size_t kFirstSweep = 16'384;

// What may begin at once after a pause, as a share of a second's.
constexpr std::chrono::milliseconds kBurst{1000};

std::string NetworkOf(const net::Address& address) {
  std::string bytes = address.HostBytes();
  bytes.resize(address.is_ipv6() ? 6 : 3);
  return bytes;
}

steady_clock::duration IntervalOf(std::size_t per_second) {
  return std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second;
}

}  // namespace

Gate::Gate(net::EventLoop& loop, std::size_t most_open, const RateLimits& rates)
    : most_open_(most_open),
      rates_(rates),
      sweep_at_(kFirstSweep),
      timer_(loop.timers(), [this] { Pump(); }) {}

Gate::Place& Gate::PlaceOf(const net::Address& address, const std::string& key) {
  const auto [at, fresh] = places_.try_emplace(key);
  Place& place = at->second;
  if (fresh) {
    place.spared = rates_.spare_loopback && address.is_loopback();
    place.network = NetworkOf(address);
  }
  return place;
}

void Gate::Enter(const net::Address& address, std::function<void()> go) {
  if (places_.size() >= sweep_at_) Sweep();
  const std::string key = address.HostBytes();
  Place& place = PlaceOf(address, key);
  place.waiting.push_back(std::move(go));
  Queue(key, place);
  Pump();
}

void Gate::Leave(const net::Address& address) {
  const std::string key = address.HostBytes();
  Place& place = PlaceOf(address, key);
  --open_;
  --place.bucket.open;
  if (!place.spared) {
    Network& network = networks_[place.network];
    --network.bucket.open;
    Unpark(network);
  }
  Queue(key, place);
  Pump();
}

// Unpark lets one of those that wait for the network have the place that another did not take.
void Gate::Unpark(Network& network) {
  if (network.parked.empty()) return;
  ready_.push_back(std::move(network.parked.front()));
  network.parked.pop_front();
}

void Gate::Queue(const std::string& key, Place& place) {
  if (place.queued || place.waiting.empty()) return;
  place.queued = true;
  ready_.push_back(key);
}

void Gate::Pump() {
  // What begins may end at once, and ask for the next.
  if (std::exchange(pumping_, true)) return;
  const net::MonotonicTime now = steady_clock::now();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    ready_.push_back(std::move(delayed_.begin()->second));
    delayed_.erase(delayed_.begin());
  }
  while (open_ < most_open_ && !ready_.empty()) {
    const std::string key = std::move(ready_.front());
    ready_.pop_front();
    Place& place = places_.at(key);
    if (!MayBegin(key, place)) continue;
    place.queued = false;
    const std::function<void()> go = std::move(place.waiting.front());
    place.waiting.pop_front();
    Queue(key, place);
    go();
  }
  if (!delayed_.empty()) timer_.ArmAt(delayed_.begin()->first);
  pumping_ = false;
}

// MayBegin takes a connection to `place`, or puts it where it waits for one.
bool Gate::MayBegin(const std::string& key, Place& place) {
  if (!place.spared) {
    Network& network = networks_[place.network];
    if (rates_.open_per_address != 0 && place.bucket.open >= rates_.open_per_address) {
      place.queued = false;  // Leave queues it again
      Unpark(network);
      return false;
    }
    if (rates_.open_per_network != 0 && network.bucket.open >= rates_.open_per_network) {
      network.parked.push_back(key);
      return false;
    }
    const net::MonotonicTime now = steady_clock::now();
    const net::MonotonicTime due = std::max(place.bucket.due, network.bucket.due);
    if (due > now + kBurst) {
      delayed_.emplace(due - kBurst, key);
      Unpark(network);
      return false;
    }
    const auto spend = [now](Bucket& bucket, std::size_t per_second) {
      if (per_second == 0) return;
      bucket.due = std::max(bucket.due, now) + IntervalOf(per_second);
    };
    spend(place.bucket, rates_.per_address_per_second);
    spend(network.bucket, rates_.per_network_per_second);
    ++network.bucket.open;
  }
  ++open_;
  ++place.bucket.open;
  return true;
}

void Gate::Sweep() {
  const net::MonotonicTime now = steady_clock::now();
  std::erase_if(places_, [now](const auto& entry) {
    const Place& place = entry.second;
    return !place.queued && place.waiting.empty() && place.bucket.open == 0 &&
           place.bucket.due <= now;
  });
  std::erase_if(networks_, [now](const auto& entry) {
    const Network& network = entry.second;
    return network.parked.empty() && network.bucket.open == 0 && network.bucket.due <= now;
  });
  sweep_at_ = std::max(kFirstSweep, 2 * places_.size());
}

}  // namespace cotter::probe
